"""Cases of arithmetic and of functions of one element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import DTypeError, ShapeError
from ...op import Op
from ...ops import arithmetic as a
from ...ops import comparison as c
from ...ops import division as d
from ...ops import elementary as e
from ...ops import near_zero
from ...ops import powers as p
from ...ops import rounding as o
from ...ops import trigonometric as t
from ...ops.sources import input
from ..case import (
    Arg,
    Array,
    BadCase,
    Build,
    Case,
    Draw,
    Oracle,
    case,
    normal,
    off_zero,
    positive,
    real,
    spaced,
    whole,
)

Shape = tuple[int | str, ...]

_PAIRS: dict[str, tuple[Build, Build]] = {
    "add": (a.add, np.add),
    "subtract": (a.subtract, np.subtract),
    "multiply": (a.multiply, np.multiply),
    "divide": (a.divide, np.divide),
    "floor_divide": (lambda x, y: d.floor_divide(x, y) * x, lambda x, y: np.floor_divide(x, y) * x),
    "mod": (d.mod, np.mod),
    "power": (p.power, np.power),
    "maximum": (c.maximum, np.maximum),
    "minimum": (c.minimum, np.minimum),
}


_QUOTIENTS = ("divide", "floor_divide", "mod")


def _pairs() -> list[Case]:
    """Every broadcasting pattern of every operator of two operands."""
    shapes = {
        "same": (("n", 3), ("n", 3)),
        "row": (("n", 3), (3,)),
        "column": (("n", 1), (3,)),
        "both": (("n", 1, 3), (2, 1)),
        "scalar": ((), ("n", 3)),
        "ones": ((1, 1), (1,)),
        "empty": ((0, 3), (1, 3)),
    }
    cases = []
    for name, (build, oracle) in _PAIRS.items():
        left = positive if name == "power" else spaced(0.125) if name in _QUOTIENTS else spaced(0.0)
        right = off_zero if name in _QUOTIENTS else spaced(0.25)
        for variant, (x, y) in shapes.items():
            cases.append(case(name, variant, build, oracle, x=real(*x, draw=left), y=real(*y, draw=right)))
        if name in ("floor_divide", "mod"):
            cases.append(case(name, "integers", build, oracle, x=whole("n", 3), y=whole(3, low=1)))
            cases.append(case(name, "negative", build, oracle, x=whole("n", 3), y=whole(3, low=-5, high=0)))
        elif name not in ("divide", "power"):
            cases.append(case(name, "integers", build, oracle, x=whole("n", 3), y=whole(3)))
    return cases


def _inside(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs, well between -1 and 1."""
    return rng.uniform(-0.75, 0.75, shape)


def _above_one(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers from 1.5 to 3."""
    return rng.uniform(1.5, 3.0, shape)


def _tiny(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of which adding 1 leaves little or nothing."""
    return rng.choice([-1.0, 1.0], shape) * 10.0 ** rng.uniform(-20, -2, shape)


_ELEMENTARY: dict[str, tuple[Build, Oracle, Draw]] = {
    "negative": (a.negative, np.negative, spaced(0.125)),
    "abs": (o.abs, np.abs, off_zero),
    "sign": (lambda x: x * o.sign(x), lambda x: x * np.sign(x), off_zero),
    "floor": (lambda x: x * o.floor(x), lambda x: x * np.floor(x), spaced(0.125)),
    "ceil": (lambda x: x * o.ceil(x), lambda x: x * np.ceil(x), spaced(0.125)),
    "round": (lambda x: x * o.round(x), lambda x: x * np.rint(x), spaced(0.125)),
    "exp": (e.exp, np.exp, spaced(0.125)),
    "log": (e.log, np.log, positive),
    "expm1": (near_zero.expm1, np.expm1, spaced(0.125)),
    "log1p": (near_zero.log1p, np.log1p, positive),
    "sin": (t.sin, np.sin, spaced(0.125)),
    "cos": (t.cos, np.cos, spaced(0.125)),
    "tan": (t.tan, np.tan, _inside),
    "arcsin": (t.arcsin, np.arcsin, _inside),
    "arccos": (t.arccos, np.arccos, _inside),
    "arctan": (t.arctan, np.arctan, spaced(0.125)),
    "sinh": (t.sinh, np.sinh, normal),
    "cosh": (t.cosh, np.cosh, normal),
    "tanh": (t.tanh, np.tanh, spaced(0.125)),
    "arcsinh": (t.arcsinh, np.arcsinh, spaced(0.125)),
    "arccosh": (t.arccosh, np.arccosh, _above_one),
    "arctanh": (t.arctanh, np.arctanh, _inside),
    "sqrt": (e.sqrt, np.sqrt, positive),
    "sigmoid": (e.sigmoid, lambda x: 1 / (1 + np.exp(-x)), spaced(0.125)),
    "relu": (e.relu, lambda x: np.maximum(x, 0), off_zero),
}


def _elementary() -> list[Case]:
    cases = []
    for name, (build, oracle, draw) in _ELEMENTARY.items():
        for variant, shape in {"matrix": ("n", 3), "scalar": (), "empty": (0, 2), "ones": (1, 1)}.items():
            cases.append(case(name, variant, build, oracle, x=real(*shape, draw=draw)))
    return cases


def _per(f: Build) -> Build:
    """f(x) / x, in which a loss of digits near 0 would show."""
    return lambda x: f(x) / x


CASES = [
    *_pairs(),
    *_elementary(),
    case("add", "python number", lambda x: 2 + x, lambda x: 2 + x, x=real("n")),
    case("subtract", "from a number", lambda x: 1 - x, lambda x: 1 - x, x=real("n")),
    case("multiply", "by itself", lambda x: x * x, np.square, x=real("n", 2)),
    case(
        "multiply",
        "an array",
        lambda x: np.array([1.0, 2.0], np.float32) * x,
        lambda x: x * [1, 2],
        x=real("n", 2),
    ).only("float32"),
    case("divide", "a number by", lambda x: 1 / x, lambda x: 1 / x, x=real("n", draw=off_zero)),
    case("divide", "integers", lambda x, y: x / y, np.divide, x=whole("n", 3), y=whole(3, low=1)).only(
        "float32"
    ),
    case("negative", "integers", lambda x: -x, np.negative, x=whole("n", 3)),
    case("exp", "large", e.exp, np.exp, x=real("n", draw=spaced(80.0))),
    case("expm1", "tiny", _per(near_zero.expm1), _per(np.expm1), x=Arg((6,), _tiny, differentiable=False)),
    case("log1p", "tiny", _per(near_zero.log1p), _per(np.log1p), x=Arg((6,), _tiny, differentiable=False)),
    case("tanh", "large", t.tanh, np.tanh, x=real("n", draw=spaced(40.0))),
    case("sigmoid", "large", e.sigmoid, lambda x: 1 / (1 + np.exp(-x)), x=real("n", draw=spaced(30.0))),
    case("abs", "integers", abs, np.abs, x=whole("n", 3)),
    case("sign", "integers", o.sign, np.sign, x=whole("n", 3)),
    *[
        case(name, "halves", build, oracle, x=Arg((5, 3), spaced(0.0), differentiable=False))
        for name, build, oracle in (
            ("sign", o.sign, np.sign),
            ("floor", o.floor, np.floor),
            ("ceil", o.ceil, np.ceil),
            ("round", o.round, np.rint),
        )
    ],
    case("multiply", "square", p.square, np.square, x=real("n", 3)),
    case("divide", "reciprocal", p.reciprocal, np.reciprocal, x=real("n", 3, draw=off_zero)),
    case("multiply", "power 3", lambda x: x**3, lambda x: x**3, x=real("n", draw=off_zero)),
    case("multiply", "power 4", lambda x: x**4, lambda x: x**4, x=real("n", draw=off_zero)),
    case("divide", "power -1", lambda x: x**-1, lambda x: x**-1, x=real("n", draw=off_zero)),
    case("power", "number", lambda x: x**5, lambda x: x**5, x=real("n", draw=off_zero)),
    case("power", "fraction", lambda x: x**-1.5, lambda x: x**-1.5, x=real("n", draw=positive)),
    case("power", "of a number", lambda x: 2**x, lambda x: 2**x, x=real("n")),
    case("power", "of integers", lambda x: x**5, lambda x: x**5.0, x=whole("n")).only("float32"),
    case("mod", "number", lambda x: x % 0.75, lambda x: x % 0.75, x=real("n", draw=spaced(0.125))),
    case("mod", "of a number", lambda x: 5 % x, lambda x: 5 % x, x=real("n", draw=off_zero)),
    case("floor_divide", "number", lambda x: x * (x // 0.75), lambda x: x * (x // 0.75), x=real("n")),
    case("floor_divide", "of a number", lambda x: 7 // x, lambda x: 7 // x, x=whole("n", low=1)),
    case("sqrt", "power 1/2", lambda x: x**0.5, np.sqrt, x=real("n", draw=positive)),
]


def _meeting(build: Build, left: Shape, right: Shape, dtype: str = "float32") -> Callable[[], object]:
    return lambda: build(input("x", left), input("y", right, dtype))


def _on_integers(op: Op) -> Callable[[], object]:
    return lambda: op(input("x", (2,), "int64"))


BAD_CASES = [
    *(
        BadCase(
            name,
            "shapes",
            _meeting(build, ("batch", 3), (4,)),
            ShapeError,
            rf"(?s){name}: found shapes \(batch, 3\) and \(4,\), where 3 meets 4 on axis -1; needed equal",
        )
        for name, (build, _) in _PAIRS.items()
    ),
    *(
        BadCase(
            name,
            "dtypes",
            _meeting(build, (), (), "float64"),
            DTypeError,
            r"x of float32 .* and y of float64 .*; needed one dtype(?s:.)*[Cc]ast",
        )
        for name, (build, _) in _PAIRS.items()
    ),
    BadCase(
        "add",
        "two names",
        lambda: input("x", ("a",)) + input("y", ("b",)),
        ShapeError,
        r"found shapes \(a,\) and \(b,\), where a meets b",
    ),
    BadCase(
        "add",
        "bools",
        lambda: input("x", dtype="bool") + input("y", dtype="bool"),
        DTypeError,
        r"found bool\[\]; needed a dtype of numbers",
    ),
    BadCase(
        "negative",
        "unsigned",
        lambda: -input("x", dtype="uint8"),
        DTypeError,
        r"found uint8\[\]; needed a signed dtype",
    ),
    BadCase("abs", "bool", lambda: abs(input("x", dtype="bool")), DTypeError, r"needed a dtype of numbers"),
    BadCase("floor", "bool", lambda: o.floor(input("x", dtype="bool")), DTypeError, r"needed a float dtype"),
    BadCase("relu", "bool", lambda: e.relu(input("x", dtype="bool")), DTypeError, r"needed a float dtype"),
    *(
        BadCase(
            op.name,
            "integers",
            _on_integers(op()),
            DTypeError,
            rf"{op.name}: found int64\[2\]; needed a float dtype",
        )
        for op in (e.Exp, e.Log, e.Sqrt, t.Sin, t.Cos, t.Tanh, e.Sigmoid)
    ),
]
