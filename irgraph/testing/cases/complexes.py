"""Cases of complex numbers, in complex128, away from branch cuts and zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DTypeError
from ...ops import arithmetic as a
from ...ops import comparison as c
from ...ops import complex as z
from ...ops import elementary as e
from ...ops import indexing as i
from ...ops import reduce as r
from ...ops import slicing as s
from ...ops import trigonometric as t
from ...ops.cumulative import cumsum
from ...ops.grids import pad
from ...ops.matmul import matmul
from ...ops.rounding import abs
from ...ops.sources import input
from ..case import Arg, Array, BadCase, Build, Case, Oracle, case, real


def _off_axes(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Complex numbers with parts of at least 0.3, the real one positive."""
    below = rng.choice([-1.0, 1.0], shape)
    return np.asarray(rng.uniform(0.3, 1.2, shape) + 1j * below * rng.uniform(0.3, 1.2, shape))


def _z(*shape: int | str) -> Arg:
    return Arg(shape, _off_axes, "complex128")


_UNARY: dict[str, tuple[Build, Oracle]] = {
    "negative": (a.negative, np.negative),
    "exp": (e.exp, np.exp),
    "log": (e.log, np.log),
    "sqrt": (e.sqrt, np.sqrt),
    "sin": (t.sin, np.sin),
    "cos": (t.cos, np.cos),
    "tan": (t.tan, np.tan),
    "sinh": (t.sinh, np.sinh),
    "cosh": (t.cosh, np.cosh),
    "tanh": (t.tanh, np.tanh),
    "real": (z.real, np.real),
    "imag": (z.imag, np.imag),
    "conj": (z.conj, np.conj),
    "magnitude": (abs, np.abs),
    "angle": (z.angle, np.angle),
    "sum": (lambda x: r.sum(x, 0), lambda x: x.sum(0)),
    "mean": (lambda x: r.mean(x, 1), lambda x: x.mean(1)),
    "cumsum": (lambda x: cumsum(x, 0), lambda x: x.cumsum(0)),
    "slice": (lambda x: x[:, ::-2], lambda x: x[:, ::-2]),
    "transpose": (lambda x: x.T, lambda x: x.T),
    "reshape": (lambda x: x.reshape(-1), lambda x: x.reshape(-1)),
    "pad": (lambda x: pad(x, [(1, 0), (0, 2)]), lambda x: np.pad(x, [(1, 0), (0, 2)])),
    "concatenate": (lambda x: s.concatenate([x, x * 2j]), lambda x: np.concatenate([x, x * 2j])),
    "gather": (lambda x: i.gather(x, [2, 0, 2], 1), lambda x: x[:, [2, 0, 2]]),
    "where": (lambda x: c.where(z.imag(x) > 0, x, -1j), lambda x: np.where(x.imag > 0, x, -1j)),
    "equal": (lambda x: c.equal(c.where(z.real(x) > 0.7, x, 1j), x), lambda x: x.real > 0.7),
    "multiply": (lambda x: x**3 + (2 - 1j) * x, lambda x: x**3 + (2 - 1j) * x),
    "divide": (lambda x: 1j / x, lambda x: 1j / x),
}

_BINARY: dict[str, tuple[Build, Oracle]] = {
    "add": (a.add, np.add),
    "subtract": (a.subtract, np.subtract),
    "multiply": (a.multiply, np.multiply),
    "divide": (a.divide, np.divide),
}


def _mixed(x: Any, y: Any) -> Any:
    """A real result of real inputs, by way of complex numbers."""
    w = e.exp(z.complex(x, y)) * z.complex(y, 1.0)
    return abs(w) + z.real(w * z.conj(w))


def _mixed_oracle(x: Any, y: Any) -> Any:
    w = np.exp(x + 1j * y) * (y + 1j)
    return np.abs(w) + np.abs(w) ** 2


CASES: list[Case] = [
    *[case(name, "complex", f, g, x=_z("n", 3)).only("float64") for name, (f, g) in _UNARY.items()],
    *[
        case(name, f"complex {variant}", f, g, x=_z(*left), y=_z(*right)).only("float64")
        for name, (f, g) in _BINARY.items()
        for variant, left, right in (("row", ("n", 3), (3,)), ("both", ("n", 1), (1, 2)))
    ],
    case("matmul", "complex", matmul, np.matmul, x=_z("n", 3), y=_z(3, 2)).only("float64"),
    case(
        "scatter_add",
        "complex",
        lambda x: i.scatter_add(x, [1, 1, 0], 4),
        lambda x: np.stack([x[2], x[0] + x[1], 0 * x[0], 0 * x[0]]),
        x=_z(3, 2),
    ).only("float64"),
    *[
        case("complex", name, f, g, x=real(*x), y=real(*y)).without_low()
        for name, f, g, x, y in (
            ("parts", z.complex, lambda x, y: x + 1j * y, ("n", 3), ("n", 3)),
            ("broadcast", z.complex, lambda x, y: x + 1j * y, ("n", 1, 3), (2, 1)),
            ("scalar", z.complex, lambda x, y: x + 1j * y, (), ("n",)),
            ("empty", z.complex, lambda x, y: x + 1j * y, (0, 3), (1, 3)),
            ("real result", _mixed, _mixed_oracle, ("n", 3), (3,)),
        )
    ],
    case("complex", "a number", lambda x: z.complex(0, x), lambda x: 1j * x, x=real("n")).without_low(),
    case(
        "cast",
        "complex",
        lambda x: x.astype("complex64"),
        lambda x: x.astype(np.complex64),
        x=Arg(("n", 3), _off_axes, "complex128", differentiable=False),
    ),
    case("magnitude", "zero", abs, np.abs, x=Arg((3,), lambda rng, n: np.zeros(n), "complex128", False)).only(
        "float64"
    ),
]


def _of_complex(build: Callable[[Any], object]) -> Callable[[], object]:
    return lambda: build(input("x", (2,), "complex64"))


BAD_CASES = [
    *[
        BadCase(
            name, "complex", _of_complex(build), DTypeError, r"found complex64\[2\]; needed a dtype of real"
        )
        for name, build in {
            "less": lambda x: x < x,
            "max": r.max,
            "relu": e.relu,
            "maximum": lambda x: c.maximum(x, x),
            "mod": lambda x: x % 2.0,
            "argmax": r.argmax,
        }.items()
    ],
    BadCase(
        "cast", "complex", _of_complex(lambda x: x.astype("float32")), DTypeError, "needed a complex dtype"
    ),
    BadCase(
        "complex",
        "low",
        lambda: z.complex(input("x", (), "float16"), 1.0),
        DTypeError,
        r"complex: found float16\[\]; needed float32 or float64",
    ),
    BadCase(
        "complex",
        "parts",
        lambda: z.complex(input("x"), input("y", (), "float64")),
        DTypeError,
        r"x of float32 .* and y of float64 .*; needed one dtype",
    ),
]
