"""Cases of logic."""

from __future__ import annotations

import numpy as np

from ...errors import DTypeError
from ...ops import logic
from ...ops.sources import input
from ..case import BadCase, Case, case, truth

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
]

BAD_CASES = [
    BadCase(name, "floats", lambda f=build: f(input("x"), input("y")), DTypeError, r"needed the dtype bool")  # type: ignore[misc]
    for name, (build, _) in _LOGIC.items()
]
