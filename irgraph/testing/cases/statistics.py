"""Cases of products, truth over axes, variance and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DTypeError, GraphError, ShapeError
from ...ops import products as p
from ...ops import statistics as s
from ...ops.sources import input
from ..case import Arg, Array, BadCase, Build, Case, Draw, case, normal, off_zero, real, spaced, truth, whole


def _some_zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Rows with no zero, with one, with two, with three."""
    values = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)
    for n, row in enumerate(values.reshape(-1, shape[-1]) if values.size else []):
        row[: n % 4] = 0.0
    return values


_OF_FLOATS: dict[str, tuple[Build, Callable[..., Any], Draw]] = {
    "prod": (p.prod, np.prod, off_zero),
    "variance": (s.variance, np.var, normal),
    "l1_norm": (
        lambda x, a=None, k=False: s.norm(x, 1, a, k),
        lambda x, axis=None, keepdims=False: np.abs(x).sum(axis=axis, keepdims=keepdims),
        off_zero,
    ),
    "l2_norm": (
        lambda x, a=None, k=False: s.norm(x, 2, a, k),
        lambda x, axis=None, keepdims=False: np.sqrt((x * x).sum(axis=axis, keepdims=keepdims)),
        normal,
    ),
}

_OF_TRUTHS = {"any": (s.any, np.any), "all": (s.all, np.all)}


def _reductions() -> list[Case]:
    cases = []
    for axis in (None, 0, -1, (0, 2), ()):
        for keepdims in (False, True):
            name = f"axis {axis}{' keepdims' if keepdims else ''}"
            inputs: list[tuple[str, Build, Callable[..., Any], Arg]] = [
                (op, build, oracle, real("n", 1, 3, draw=draw))
                for op, (build, oracle, draw) in _OF_FLOATS.items()
            ]
            inputs += [(op, build, oracle, truth("n", 1, 3)) for op, (build, oracle) in _OF_TRUTHS.items()]
            for op, build, oracle, x in inputs:
                cases.append(
                    case(
                        op,
                        name,
                        lambda x, f=build, a=axis, k=keepdims: f(x, a, k),
                        lambda x, f=oracle, a=axis, k=keepdims: f(x, axis=a, keepdims=k),
                        x=x,
                    )
                )
    return cases


CASES = [
    *_reductions(),
    *[
        case(op, "empty", lambda x, f=build: f(x, 1), lambda x, f=oracle: f(x, axis=1), x=truth(2, 0))
        for op, (build, oracle) in _OF_TRUTHS.items()
    ],
    case("any", "numbers", s.any, np.any, x=whole("n", low=0, high=2)),
    case("all", "numbers", lambda x: s.all(x, 0), lambda x: x.all(0), x=real("n", 2)),
    case("prod", "empty", lambda x: p.prod(x, 1), lambda x: x.prod(1), x=real(2, 0)),
    case("prod", "scalar", p.prod, np.prod, x=real()),
    case("prod", "integers", p.prod, np.prod, x=whole("n", 3)),
    case("prod", "zeros", lambda x: p.prod(x, 1), lambda x: x.prod(1), x=real(5, 4, draw=_some_zeros)),
    case("prod", "zeros odd", lambda x: p.prod(x, -1), lambda x: x.prod(-1), x=real(4, 5, draw=_some_zeros)),
    case(
        "prod", "zeros by name", lambda x: p.prod(x, 1), lambda x: x.prod(1), x=real(4, "n", draw=_some_zeros)
    ),
    case("cumprod", "last axis", p.cumprod, lambda x: x.cumprod(-1), x=real("n", 5, draw=_some_zeros)),
    case("cumprod", "named axis", lambda x: p.cumprod(x, 0), lambda x: x.cumprod(0), x=real("n", 3)),
    case("cumprod", "middle", lambda x: p.cumprod(x, 1), lambda x: x.cumprod(1), x=real(2, "n", 2)),
    case("cumprod", "integers", p.cumprod, lambda x: x.cumprod(-1), x=whole("n", 3)),
    case("cumprod", "ones and empty", lambda x: p.cumprod(x, 1), lambda x: x.cumprod(1), x=real(0, 1)),
    case("variance", "ddof", lambda x: s.variance(x, 0, ddof=1), lambda x: x.var(0, ddof=1), x=real(4, 3)),
    case(
        "variance",
        "far from 0",
        lambda x: s.variance(x, 1),
        lambda x: x.var(1),
        x=real("n", 5, draw=spaced(100.0)),
    ),
    case("variance", "constant", s.variance, np.var, x=Arg((3,), lambda rng, shape: np.full(shape, 0.5))),
    case("where", "std", s.std, np.std, x=real("n", 3)),
    case(
        "where",
        "std ddof",
        lambda x: s.std(x, 1, True, 1),
        lambda x: x.std(1, keepdims=True, ddof=1),
        x=real("n", 3),
    ),
    case(
        "max",
        "norm inf",
        lambda x: s.norm(x, np.inf),
        lambda x: np.abs(x).max(),
        x=real("n", draw=spaced(0.125)),
    ),
    case(
        "min",
        "norm -inf",
        lambda x: s.norm(x, -np.inf),
        lambda x: np.abs(x).min(),
        x=real("n", draw=spaced(0.125)),
    ),
    case(
        "power",
        "norm 3",
        lambda x: s.norm(x, 3, 1),
        lambda x: np.linalg.norm(x, 3, 1),
        x=real("n", 3, draw=off_zero),
    ),
    case("l2_norm", "fro", lambda x: s.norm(x, "fro"), np.linalg.norm, x=real("n", 3)),
    case("l2_norm", "empty", lambda x: s.norm(x, axis=1), lambda x: np.linalg.norm(x, axis=1), x=real(2, 0)),
]

BAD_CASES = [
    BadCase("prod", "axis", lambda: p.prod(input("x", (2, 3)), 2), ShapeError, r"found axis 2; needed"),
    BadCase("cumprod", "axis", lambda: p.cumprod(input("x", (2,)), 1), ShapeError, r"found axis 1; needed"),
    BadCase(
        "prod", "bools", lambda: p.Prod((0,))(input("x", (2,), "bool")), DTypeError, r"a dtype of numbers"
    ),
    BadCase(
        "variance",
        "ddof",
        lambda: s.variance(input("x", (2, 3)), 0, ddof=3),
        ShapeError,
        r"variance: found .*; needed at least ddof=3 elements",
    ),
    BadCase("any", "floats", lambda: s.Any_((0,))(input("x", (2,))), DTypeError, r"needed the dtype bool"),
    BadCase(
        "l2_norm", "ord", lambda: s.norm(input("x", (2,)), "nuc"), GraphError, r"found ord='nuc' of norm"
    ),
    BadCase("l1_norm", "ord", lambda: s.norm(input("x", (2,)), -1), GraphError, r"found ord=-1 of norm"),
]
