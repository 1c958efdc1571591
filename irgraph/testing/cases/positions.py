"""Cases of indexing on several axes and of writing at run-time positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import scatter as s
from ...ops.along_axis import take_along_axis
from ...ops.multi_index import gather_nd
from ...ops.sources import input
from ..case import BadCase, Case, Draw, case, off_zero, real, spaced, whole

_JOIN: dict[str, Any] = {
    "set": lambda old, new: new,
    "add": np.add,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


def _gather_nd(x: Any, index: Any, batch_dims: int = 0) -> Any:
    """One tuple at a time."""
    b, lead = batch_dims, index.shape[:-1]
    out = np.zeros((*lead, *x.shape[b + index.shape[-1] :]), x.dtype)
    for at in np.ndindex(lead):
        out[at] = x[(*at[:b], *index[at])]
    return out


def _scatter_nd(x: Any, index: Any, updates: Any, mode: str = "set") -> Any:
    """One tuple at a time, in order."""
    out = x.copy()
    for at in np.ndindex(index.shape[:-1]):
        where = tuple(index[at])
        out[where] = _JOIN[mode](out[where], updates[at])
    return out


def _put_along_axis(x: Any, index: Any, updates: Any, axis: int, mode: str) -> Any:
    """One element at a time, in order."""
    out = x.copy()
    for at in np.ndindex(index.shape):
        where = (*at[:axis], index[at], *at[axis + 1 :])
        out[where] = _JOIN[mode](out[where], updates[at])
    return out


def _scatter(x: Any, index: Any, updates: Any, axis: int, mode: str) -> Any:
    """One slice at a time, in order."""
    out, rank = np.moveaxis(x.copy(), axis, 0), index.ndim
    moved = np.moveaxis(updates, range(axis, axis + rank), range(rank))
    for at in np.ndindex(index.shape):
        out[index[at]] = _JOIN[mode](out[index[at]], moved[at])
    return np.moveaxis(out, 0, axis)


def _puts() -> list[Case]:
    """Every mode, with repeated positions; all numbers of x and the updates differ."""
    return [case for mode in s.MODES for case in _puts_by(mode, *_draws(mode))]


def _draws(mode: str) -> tuple[Draw, Draw]:
    """For x and for the updates: no ties, and no zero where it would be a kink."""
    return (off_zero, off_zero) if mode == "multiply" else (spaced(0.1), spaced(0.35))


def _puts_by(mode: str, old: Draw, new: Draw) -> list[Case]:
    return [
        case(
            "put_at",
            mode,
            s.PutAt(mode),
            lambda x, i, u: _scatter(x, i, u, 0, mode),
            x=real(4, 2, draw=old),
            i=whole("n", low=0, high=4),
            u=real("n", 2, draw=new),
        ),
        case(
            "scatter_nd",
            mode,
            lambda x, i, u: s.scatter_nd(x, i, u, mode),
            lambda x, i, u: _scatter_nd(x, i, u, mode),
            x=real(3, 2, "m", draw=old),
            i=whole("n", 2, low=0, high=2),
            u=real("n", "m", draw=new),
        ),
        case(
            "put_along_axis",
            mode,
            lambda x, i, u: s.put_along_axis(x, i, u, 0, mode),
            lambda x, i, u: _put_along_axis(x, i, u, 0, mode),
            x=real(3, "m", draw=old),
            i=whole("n", "m", low=0, high=3),
            u=real("n", "m", draw=new),
        ),
        *_puts_on_axes(mode, old, new),
    ]


def _puts_on_axes(mode: str, old: Draw, new: Draw) -> list[Case]:
    return [
        case(
            "scatter_nd",
            f"scatter columns, {mode}",
            lambda x, i, u: s.scatter(x, i, u, 1, mode),
            lambda x, i, u: _scatter(x, i, u, 1, mode),
            x=real("m", 3, 2, draw=old),
            i=whole("n", 2, low=0, high=3),
            u=real("m", "n", 2, 2, draw=new),
        ),
        case(
            "put_at",
            f"integers, {mode}",
            s.PutAt(mode),
            lambda x, i, u: _scatter(x, i, u, 0, mode),
            x=whole(4),
            i=whole("n", low=0, high=4),
            u=whole("n"),
        ),
    ]


CASES = [
    *_puts(),
    case(
        "take_along_axis",
        "last",
        take_along_axis,
        lambda x, i: np.take_along_axis(x, i, -1),
        x=real("n", 5),
        i=whole("n", 3, low=0, high=5),
    ),
    case(
        "take_along_axis",
        "first",
        lambda x, i: take_along_axis(x, i, 0),
        lambda x, i: np.take_along_axis(x, i, 0),
        x=real(4, "n", 2),
        i=whole("m", "n", 2, low=0, high=4),
    ),
    case(
        "take_along_axis",
        "broadcast",
        lambda x, i: take_along_axis(x, i, 1),
        lambda x, i: np.take_along_axis(x, i, 1),
        x=real(1, 4, "n"),
        i=whole(3, 2, 1, low=0, high=4),
    ),
    case(
        "take_along_axis",
        "vector, small index",
        take_along_axis,
        lambda x, i: np.take_along_axis(x, i, 0),
        x=real(4),
        i=whole("n", low=0, high=4, dtype="uint8"),
    ),
    case(
        "take_along_axis",
        "from the end",
        lambda x: take_along_axis(x, [[[-1]], [[0]]], 1),
        lambda x: np.take_along_axis(x, np.array([[[-1]], [[0]]]), 1),
        x=real(2, 3, "n"),
    ),
    case("gather_nd", "elements", gather_nd, _gather_nd, x=real(3, 4), i=whole("n", 2, low=0, high=3)),
    case("gather_nd", "slices", gather_nd, _gather_nd, x=real(3, 4, "m"), i=whole("n", 2, 2, low=0, high=3)),
    case(
        "gather_nd",
        "batched",
        lambda x, i: gather_nd(x, i, 1),
        lambda x, i: _gather_nd(x, i, 1),
        x=real("n", 3, 4, 2),
        i=whole("n", "m", 2, low=0, high=3),
    ),
    case("gather_nd", "one axis", gather_nd, _gather_nd, x=real(3, "m"), i=whole("n", 1, low=0, high=3)),
    case(
        "gather_nd",
        "arrays in place",
        lambda x, i, j: x[:, i, j],
        lambda x, i, j: x[:, i, j],
        x=real("n", 3, 4, 2),
        i=whole("m", low=0, high=3),
        j=whole(2, 1, low=0, high=3, dtype="int32"),
    ),
    case(
        "gather_nd",
        "arrays apart",
        lambda x, i: x[i, :, None, [-1, 0]],
        lambda x, i: x[i, :, None, [-1, 0]],
        x=real(3, "n", 4),
        i=whole("m", 1, low=0, high=3),
    ),
    case(
        "gather",
        "array and integer",
        lambda x, i: x[0, :, i],
        lambda x, i: x[0, :, i],
        x=real(3, "n", 4),
        i=whole("m", low=0, high=4),
    ),
    case(
        "put_along_axis",
        "scalar update",
        lambda x, i: s.put_along_axis(x, i, 2.5),
        lambda x, i: _put_along_axis(x, i, np.full(i.shape, 2.5), 1, "set"),
        x=real("n", 4),
        i=whole("n", 2, low=0, high=4),
    ),
    case(
        "scatter_nd",
        "scalars",
        s.scatter,
        lambda x, i, u: _scatter(x, i, u, 0, "set"),
        x=real(4, "m"),
        i=whole(low=0, high=4),
        u=real("m"),
    ),
    case(
        "scatter_nd",
        "truth values",
        lambda x, i: s.scatter(x, i, True),
        lambda x, i: _scatter(x, i, np.ones(i.shape, bool), 0, "set"),
        x=whole(4, low=0, high=2, dtype="bool"),
        i=whole("n", low=0, high=4),
    ),
]

BAD_CASES = [
    BadCase(
        "gather_nd",
        "shapes",
        lambda: input("x", (3, 4))[[0, 1], [0, 1, 2]],
        ShapeError,
        r"found indices of shapes \(2,\) and \(3,\)",
    ),
    BadCase(
        "gather_nd", "range", lambda: input("x", (3, 4))[[0], [4]], ShapeError, r"found index 4 on an axis of"
    ),
    BadCase(
        "gather_nd",
        "mask",
        lambda: input("x", (3, 4))[:, input("m", (4,), "bool")],
        DTypeError,
        r"found a boolean mask as an index: <m : bool\[4\]>",
    ),
    BadCase(
        "gather_nd",
        "named depth",
        lambda: gather_nd(input("x", (3, 4)), input("i", (3, "k"), "int64")),
        ShapeError,
        r"needed a last axis of known size",
    ),
    BadCase(
        "gather_nd",
        "too deep",
        lambda: gather_nd(input("x", (3, 4)), input("i", (3, 3), "int64")),
        ShapeError,
        r"gather_nd: .*needed at least 3 axes of x",
    ),
    BadCase(
        "gather_nd",
        "batch_dims",
        lambda: gather_nd(input("x", (3, 4)), input("i", (3, 1), "int64"), 2),
        ShapeError,
        r"found batch_dims 2; needed 0 to 1",
    ),
    BadCase(
        "take_along_axis",
        "rank",
        lambda: take_along_axis(input("x", (3, 4)), input("i", (3,), "int64")),
        ShapeError,
        r"needed an index of the same rank",
    ),
    BadCase(
        "take_along_axis",
        "sizes",
        lambda: take_along_axis(input("x", (3, 4)), input("i", (2, 4), "int64")),
        ShapeError,
        r"found take_along_axis of shapes \(3,\) and \(2,\)",
    ),
    BadCase(
        "scatter_nd",
        "mode",
        lambda: s.scatter(input("x", (3,)), [0], 1.0, mode="subtract"),
        ShapeError,
        r"found mode='subtract'; needed one of set, add, multiply, max, min",
    ),
    BadCase(
        "scatter_nd",
        "updates",
        lambda: s.scatter_nd(input("x", (3, 2)), [[0]], input("u", (1, 3))),
        ShapeError,
        r"found the updates <u : float32\[1, 3\]>; needed a shape that repeats to \(1, 2\)",
    ),
    BadCase(
        "put_along_axis",
        "dtypes",
        lambda: s.put_along_axis(input("x", (3, 2)), [[0]], input("u", (3, 1), "float64")),
        DTypeError,
        r"put_along_axis: found float32\[3, 2\] and updates float64\[3, 1\]; needed one dtype",
    ),
    BadCase(
        "put_at",
        "bools",
        lambda: s.PutAt("add")(
            *[input(n, (3,), d) for n, d in (("x", "bool"), ("i", "int64"), ("u", "bool"))]
        ),
        DTypeError,
        r"put_at: found bool\[3\]; needed a dtype of numbers",
    ),
]
