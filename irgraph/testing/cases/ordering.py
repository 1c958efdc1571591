"""Cases of sorting and searching."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import sorting as o
from ...ops.sources import input
from ..case import Arg, BadCase, Case, case, real, spaced, whole


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    """One row at a time, by Python's sort, which is stable in both directions."""

    def order(row: Any) -> Any:
        return np.array(sorted(range(len(row)), key=lambda n: row[n], reverse=descending), np.int64)

    return np.apply_along_axis(order, axis, x) if x.size else np.zeros(x.shape, np.int64)


def _topk(x: Any, k: int, axis: int, largest: bool) -> list[Any]:
    order = np.take(_argsort(x, axis, largest), np.arange(k), axis)
    return [np.take_along_axis(x, order, axis), order]


def _orders() -> list[Case]:
    shapes: dict[str, tuple[Arg, int]] = {
        "last": (real("n", 5, draw=spaced(0.0)), -1),
        "first": (real(5, "n", draw=spaced(0.0)), 0),
        "named": (real(2, "n", 3, draw=spaced(0.0)), 1),
        "one": (real("n", 1), 1),
        "ties": (whole("n", 9, low=0, high=4), -1),
        "small integers": (whole("n", 9, low=-4, high=4, dtype="int8"), -1),
    }
    cases = []
    for name, (x, axis) in shapes.items():
        for down in (False, True):
            cases += [
                case(
                    "sort",
                    f"{name}{', down' if down else ''}",
                    lambda x, a=axis, d=down: o.sort(x, a, d),
                    lambda x, a=axis, d=down: np.flip(np.sort(x, a), a) if d else np.sort(x, a),
                    x=x,
                ),
                case(
                    "argsort",
                    f"{name}{', down' if down else ''}",
                    lambda x, a=axis, d=down: o.argsort(x, a, d),
                    lambda x, a=axis, d=down: _argsort(x, a, d),
                    x=x,
                ),
            ]
    return cases


def _topks() -> list[Case]:
    shapes: dict[str, tuple[Arg, int, int, bool]] = {
        "largest": (real("n", 5, draw=spaced(0.0)), 2, -1, True),
        "smallest": (real("n", 5, draw=spaced(0.0)), 3, -1, False),
        "all": (real(4, "n", draw=spaced(0.0)), 4, 0, True),
        "none": (real("n", 3), 0, 1, True),
        "ties": (whole("n", 9, low=0, high=4), 5, -1, True),
        "smallest ties": (whole("n", 9, low=0, high=4, dtype="int32"), 5, -1, False),
        "of named": (real(3, "n", draw=spaced(0.0)), 1, -1, True),
    }
    return [
        case(
            "topk",
            name,
            lambda x, k=k, a=axis, d=largest: o.topk(x, k, a, d),
            lambda x, k=k, a=axis, d=largest: _topk(x, k, a, d),
            x=x,
        )
        for name, (x, k, axis, largest) in shapes.items()
    ]


def _row(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return np.sort(rng.integers(-3, 4, shape))


def _searches() -> list[Case]:
    return [
        case(
            "searchsorted",
            side,
            lambda row, v, s=side: o.searchsorted(row, v, s),
            lambda row, v, s=side: np.searchsorted(row, v, s),
            row=Arg((5,), _row, dtype, differentiable=False),
            v=whole("n", 2, low=-4, high=5, dtype=dtype),
        )
        for side, dtype in (("left", "int64"), ("right", "float32"))
    ]


CASES = [
    *_orders(),
    *_topks(),
    *_searches(),
    case(
        "sort",
        "median",
        lambda x: o.median(x, 1),
        lambda x: np.median(x, 1),
        x=real("n", 5, draw=spaced(0.0)),
    ),
    case(
        "sort",
        "median of all",
        lambda x: o.median(x, keepdims=True),
        lambda x: np.quantile(x, 0.5, keepdims=True),
        x=real("n", 3, draw=spaced(0.0)),
    ),
    case(
        "sort",
        "quantile",
        lambda x: o.quantile(x, 0.3, (0, 2), True),
        lambda x: np.quantile(x, 0.3, (0, 2), keepdims=True),
        x=real("n", 2, "m", draw=spaced(0.0)),
    ),
]

BAD_CASES = [
    BadCase("sort", "bools", lambda: o.sort(input("x", (3,), "bool")), DTypeError, r"sort: found bool\[3\]"),
    BadCase("argsort", "axis", lambda: o.argsort(input("x", (3,)), 1), ShapeError, r"found axis 1"),
    BadCase(
        "topk",
        "too many",
        lambda: o.topk(input("x", (2, 3)), 4),
        ShapeError,
        r"topk: found k = 4 of float32\[2, 3\]; needed 0 to 3 for axis 1",
    ),
    BadCase(
        "searchsorted",
        "rank",
        lambda: o.searchsorted(input("x", (2, 3)), input("v", (3,))),
        ShapeError,
        r"searchsorted: found float32\[2, 3\] to search in; needed a sorted vector",
    ),
    BadCase(
        "searchsorted",
        "side",
        lambda: o.searchsorted(input("x", (3,)), 1.0, "middle"),
        ShapeError,
        r"found side='middle'; needed \"left\" or \"right\"",
    ),
    BadCase(
        "sort",
        "quantile",
        lambda: o.quantile(input("x", (3,)), 1.5),
        ShapeError,
        r"found q = 1.5; needed a number",
    ),
    BadCase(
        "sort",
        "median of nothing",
        lambda: o.median(input("x", (0,))),
        ShapeError,
        r"needed at least one element",
    ),
]
