"""Cases of comparisons, of choosing by them, and of changing the dtype."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import comparison as c
from ...ops.cast import Copy, cast, stop_gradient
from ...ops.sources import input
from ..case import Arg, BadCase, Build, Case, case, real, spaced, truth, whole

_COMPARISONS: dict[str, tuple[Build, Build]] = {
    "equal": (c.equal, np.equal),
    "not_equal": (c.not_equal, np.not_equal),
    "less": (c.less, np.less),
    "less_equal": (c.less_equal, np.less_equal),
    "greater": (c.greater, np.greater),
    "greater_equal": (c.greater_equal, np.greater_equal),
}


def _comparisons() -> list[Case]:
    cases = []
    for name, (build, oracle) in _COMPARISONS.items():
        cases += [
            case(
                name,
                "broadcast",
                build,
                oracle,
                x=real("n", 1, draw=spaced(0.0)),
                y=real(3, draw=spaced(0.0)),
            ),
            case(name, "integers", build, oracle, x=whole("n", 3), y=whole("n", 3)),
            case(name, "number", lambda x, b=build: b(x, 2), lambda x, o=oracle: o(x, 2), x=whole("n", 3)),
            case(name, "bools", build, oracle, x=truth("n"), y=truth("n")),
            case(name, "empty", build, oracle, x=whole(0, 3), y=whole(3)),
        ]
    return cases


def _casts() -> list[Case]:
    cases = []
    for source in ("float32", "float64", "int64", "int32", "uint8", "bool"):
        for target in ("float32", "float64", "int64", "int32", "uint8", "bool"):
            if source != target:
                draw = truth().draw if source == "bool" else whole(low=0, high=9).draw
                arg = Arg(("n", 3), draw, source, differentiable=False)
                cases.append(
                    case(
                        "cast",
                        f"{source} to {target}",
                        lambda x, t=target: cast(x, t),
                        lambda x, t=target: x.astype(t),
                        x=arg,
                    )
                )
    return [one.only("float32") for one in cases]


CASES = [
    *_comparisons(),
    case("logical_not", "matrix", c.logical_not, np.logical_not, x=truth("n", 3)),
    case("logical_not", "operator", lambda x: ~x, np.logical_not, x=truth()),
    case("where", "same", c.where, np.where, c=truth("n", 3), x=real("n", 3), y=real("n", 3)),
    case("where", "broadcast", c.where, np.where, c=truth("n", 1), x=real(3), y=real(1, 1)),
    case(
        "where",
        "scalars",
        lambda c_, x: c.where(c_, x, 0.0),
        lambda c_, x: np.where(c_, x, 0.0),
        c=truth("n"),
        x=real("n"),
    ),
    case(
        "where",
        "zero first",
        lambda c_, x: c.where(c_, 0.0, x),
        lambda c_, x: np.where(c_, 0.0, x),
        c=truth("n"),
        x=real("n"),
    ),
    case(
        "where",
        "negative zero",
        lambda c_: 1 / c.where(c_, 2.0, -0.0),
        lambda c_: np.where(c_, 0.5, -np.inf),
        c=truth("n", 3),
    ).only("float32"),
    case("where", "integers", c.where, np.where, c=truth("n"), x=whole("n"), y=whole()),
    case("where", "bools", c.where, np.where, c=truth("n"), x=truth("n"), y=truth("n")),
    case("where", "empty", c.where, np.where, c=truth(0, 2), x=real(2), y=real(1)),
    case("where", "one condition", c.where, np.where, c=truth(), x=real("n"), y=real("n")),
    *_casts(),
    case("cast", "down", lambda x: cast(cast(x, "float32"), "float64"), lambda x: x, x=real("n", 3)).only(
        "float32"
    ),
    case(
        "cast",
        "truncates",
        lambda x: cast(x, "int64"),
        lambda x: np.trunc(x).astype(int),
        x=Arg(("n",), spaced(0.25), differentiable=False),
    ),
    case("copy", "matrix", Copy(), lambda x: x, x=real("n", 3)),
    case("copy", "bools", Copy(), lambda x: x, x=truth("n")),
    case("stop_gradient", "matrix", stop_gradient, lambda x: x, x=Arg(("n", 3), differentiable=False)),
]


def _meeting(build: Build) -> Callable[[], object]:
    return lambda: build(input("x"), input("y", dtype="int64"))


BAD_CASES = [
    *(
        BadCase(
            name,
            "dtypes",
            _meeting(build),
            DTypeError,
            rf"{name}: found x of float32 .* and y of int64 .*; needed one dtype",
        )
        for name, (build, _) in _COMPARISONS.items()
    ),
    BadCase(
        "less",
        "shapes",
        lambda: input("x", (2,)) < input("y", (3,)),
        ShapeError,
        r"less: found shapes \(2,\) and \(3,\)",
    ),
    BadCase(
        "logical_not", "floats", lambda: ~input("x"), DTypeError, r"found float32\[\]; needed the dtype bool"
    ),
    BadCase(
        "where",
        "condition",
        lambda: c.where(input("x"), 1.0, 2.0),
        DTypeError,
        r"where: found float32\[\]; needed a condition of dtype bool",
    ),
    BadCase(
        "where",
        "dtypes",
        lambda: c.where(input("x", dtype="bool"), input("a"), input("b", dtype="int32")),
        DTypeError,
        r"a of float32 .* and b of int32",
    ),
    BadCase(
        "cast",
        "unknown dtype",
        lambda: input("x").astype("float33"),
        DTypeError,
        r"found the dtype 'float33'; needed one of",
    ),
]
