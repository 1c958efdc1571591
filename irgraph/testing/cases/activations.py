"""Cases of activations, clipping and logic."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DTypeError
from ...ops import activations as a
from ...ops import logic
from ...ops.comparison import clip
from ...ops.sources import input
from ..case import BadCase, Case, case, off_zero, real, spaced, truth


def _gelu(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


_LOGIC = {
    "logical_and": (logic.logical_and, np.logical_and),
    "logical_or": (logic.logical_or, np.logical_or),
    "logical_xor": (logic.logical_xor, np.logical_xor),
}


def _logic() -> list[Case]:
    cases = []
    for name, (build, oracle) in _LOGIC.items():
        cases += [
            case(name, "same", build, oracle, x=truth("n", 3), y=truth("n", 3)),
            case(name, "broadcast", build, oracle, x=truth("n", 1), y=truth(3)),
            case(name, "empty", build, oracle, x=truth(0, 3), y=truth(1)),
        ]
    return cases


CASES = [
    *_logic(),
    case("logical_and", "operator", lambda x, y: x & y, np.logical_and, x=truth("n"), y=truth("n")),
    case("logical_or", "operator", lambda x, y: x | y, np.logical_or, x=truth("n"), y=truth("n")),
    case("logical_xor", "operator", lambda x: True ^ x, np.logical_not, x=truth("n")),
    case("multiply", "silu", a.silu, lambda x: x / (1 + np.exp(-x)), x=real("n", 3)),
    case("where", "elu", a.elu, lambda x: np.where(x > 0, x, np.expm1(x)), x=real("n", 3, draw=off_zero)),
    case("where", "leaky", a.leaky_relu, lambda x: np.maximum(x, x / 100), x=real("n", 3, draw=off_zero)),
    case("tanh", "gelu", a.gelu, _gelu, x=real("n", 3)),
    case(
        "minimum",
        "clip",
        lambda x: clip(x, -0.5, 1.0),
        lambda x: np.clip(x, -0.5, 1),
        x=real("n", 3, draw=spaced(0.125)),
    ),
]

BAD_CASES = [
    BadCase(name, "floats", lambda f=build: f(input("x"), input("y")), DTypeError, r"needed the dtype bool")  # type: ignore[misc]
    for name, (build, _) in _LOGIC.items()
]
