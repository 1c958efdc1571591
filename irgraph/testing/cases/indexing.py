"""Cases of run-time indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import indexing as x_
from ...ops.sources import input
from ..case import BadCase, Case, case, real, whole


def _take(x: Any, index: Any, axis: int, batch_dims: int) -> Any:
    """numpy.take, over shared leading axes by a loop."""
    if not batch_dims:
        return np.take(x, index, axis)
    shape = (*x.shape[:axis], *index.shape[batch_dims:], *x.shape[axis + 1 :])
    rows = [_take(a, b, axis - 1, batch_dims - 1) for a, b in zip(x, index, strict=True)]
    return np.array(rows).reshape(shape)


def _scatter(updates: Any, index: Any, size: int, axis: int, batch_dims: int) -> Any:
    """One update at a time."""
    picked = index.ndim - batch_dims
    out = np.zeros((*updates.shape[:axis], size, *updates.shape[axis + picked :]))
    for at in np.ndindex(updates.shape):
        where = at[:batch_dims] + at[axis : axis + picked]
        out[(*at[:axis], index[where], *at[axis + picked :])] += updates[at]
    return out


def _gathers() -> list[Case]:
    shapes: dict[str, tuple[tuple[int | str, ...], tuple[int | str, ...], int, int]] = {
        "rows": ((5, 2), ("n",), 0, 0),
        "matrix of rows": ((5, 2), ("n", 3), 0, 0),
        "columns": (("n", 5), (3,), 1, 0),
        "one": ((5, 2), (), 0, 0),
        "middle": ((2, 5, "n"), (2, 2), 1, 0),
        "batched": (("n", 5), ("n",), 1, 1),
        "batched rows": (("n", 5, 2), ("n", 3), 1, 1),
        "batched, later axis": (("n", 2, 5), ("n", 3), 2, 1),
        "two batch axes": (("n", 2, 3, 5), ("n", 2, 2), 3, 2),
        "two batch axes, one each": (("n", 2, 5), ("n", 2), 2, 2),
        "size 1": ((1, 2), ("n",), 0, 0),
        "empty index": ((5, 2), (0,), 0, 0),
        "of empty rows": ((5, 0), (3,), 0, 0),
        "batch of nothing": ((0, 5), (0, 2), 1, 1),
    }
    cases = []
    for name, (shape, index, axis, batch) in shapes.items():
        high = shape[axis]
        assert isinstance(high, int)
        cases.append(
            case(
                "gather",
                name,
                lambda x, i, a=axis, b=batch: x_.gather(x, i, a, b),
                lambda x, i, a=axis, b=batch: _take(x, i, a, b),
                x=real(*shape),
                i=whole(*index, low=0, high=high),
            )
        )
    return cases


def _scatters() -> list[Case]:
    shapes: dict[str, tuple[tuple[int | str, ...], tuple[int | str, ...], int, int]] = {
        "rows": (("n", 2), ("n",), 0, 0),
        "matrix of rows": (("n", 3, 2), ("n", 3), 0, 0),
        "columns": ((2, "n"), ("n",), 1, 0),
        "middle": ((2, 3, "n"), (3,), 1, 0),
        "batched": (("n", 3), ("n", 3), 1, 1),
        "batched rows": (("n", 3, 2), ("n", 3), 1, 1),
        "batched, later axis": (("n", 2, 3), ("n", 3), 2, 1),
        "two batch axes": (("n", 2, 3), ("n", 2, 3), 2, 2),
        "nothing": ((0, 2), (0,), 0, 0),
    }
    return [
        case(
            "scatter_add",
            name,
            lambda u, i, a=axis, b=batch: x_.scatter_add(u, i, 5, a, b),
            lambda u, i, a=axis, b=batch: _scatter(u, i, 5, a, b),
            u=real(*shape),
            i=whole(*index, low=0, high=5),
        )
        for name, (shape, index, axis, batch) in shapes.items()
    ]


def _add_at(u: Any, i: Any) -> Any:
    out = np.zeros((5, *u.shape[i.ndim :]))
    np.add.at(out, i, u)
    return out


def _one_hot(i: Any) -> Any:
    return (i[..., None] == np.arange(5)).astype(float)


CASES = [
    *_gathers(),
    *_scatters(),
    case("gather", "by a list", lambda x: x[[2, 0, 2]], lambda x: x[[2, 0, 2]], x=real(3, 2)),
    case(
        "gather",
        "small index",
        lambda x, i: x[i],
        lambda x, i: x[i],
        x=real(3, 2),
        i=whole("n", low=0, high=3, dtype="uint8"),
    ),
    case(
        "gather",
        "integers",
        x_.gather,
        lambda x, i: np.take(x, i, 0),
        x=whole(5, 2),
        i=whole("n", low=0, high=5),
    ),
    case(
        "gather",
        "batched small index",
        lambda x, i: x_.gather(x, i, 1, 1),
        lambda x, i: _take(x, i, 1, 1),
        x=real(100, 3),
        i=whole(100, 2, low=0, high=3, dtype="int8"),
    ),
    case(
        "scatter_add",
        "integers",
        lambda u, i: x_.scatter_add(u, i, 5),
        _add_at,
        u=whole("n", 2),
        i=whole("n", low=0, high=5),
    ),
    case(
        "take", "rows", x_.Take(0), lambda x, i: np.take(x, i, 0), x=real(5, 2), i=whole("n", low=0, high=5)
    ),
    case(
        "take",
        "columns",
        x_.Take(1),
        lambda x, i: np.take(x, i, 1),
        x=real("n", 5),
        i=whole(2, 3, low=0, high=5),
    ),
    case("take", "one", x_.Take(0), lambda x, i: np.take(x, i, 0), x=real(5), i=whole(low=0, high=5)),
    case("add_at", "rows", x_.AddAt(5), _add_at, u=real("n", 2), i=whole("n", low=0, high=5)),
    case("add_at", "matrix", x_.AddAt(5), _add_at, u=real("n", 2, 3), i=whole("n", 2, low=0, high=5)),
    case("add_at", "scalars", x_.AddAt(5), _add_at, u=real(), i=whole(low=0, high=5)),
    case("check_index", "in range", x_.CheckIndex(5), lambda i: i, i=whole("n", 3, low=0, high=5)),
    case(
        "check_index",
        "unsigned",
        x_.CheckIndex(300),
        lambda i: i,
        i=whole("n", low=0, high=255, dtype="uint8"),
    ),
    case("check_index", "nothing", x_.CheckIndex(0), lambda i: i, i=whole(0, low=0, high=5)),
    case("one_hot", "vector", lambda i: x_.one_hot(i, 5), _one_hot, i=whole("n", low=0, high=5)),
    case("one_hot", "scalar", lambda i: x_.one_hot(i, 5, "float64"), _one_hot, i=whole(low=0, high=5)),
    case(
        "one_hot",
        "matrix of ints",
        lambda i: x_.one_hot(i, 5, "int32"),
        _one_hot,
        i=whole("n", 2, low=0, high=5, dtype="int32"),
    ),
    case(
        "one_hot",
        "more classes than the index can name",
        lambda i: x_.one_hot(i, 300),
        lambda i: (i[:, None] == np.arange(300)).astype(float),
        i=whole("n", low=0, high=255, dtype="uint8"),
    ),
]

BAD_CASES = [
    BadCase(
        "gather",
        "float index",
        lambda: x_.gather(input("x", (5, 2)), input("i", (3,))),
        DTypeError,
        r"gather: found float32\[3\]; needed indices of an integer dtype",
    ),
    BadCase(
        "gather",
        "bool index",
        lambda: input("x", (5, 2))[input("i", (5,), "bool")],
        DTypeError,
        r"found a boolean mask as an index: <i : bool\[5\]>; needed integers",
    ),
    BadCase(
        "gather", "axis", lambda: x_.gather(input("x", (5, 2)), [0], axis=2), ShapeError, r"found axis 2"
    ),
    BadCase(
        "gather",
        "batch_dims",
        lambda: x_.gather(input("x", (5, 2)), [0], axis=0, batch_dims=1),
        ShapeError,
        r"found batch_dims 1; needed 0 to 0 for axis 0",
    ),
    BadCase(
        "gather",
        "batch sizes",
        lambda: x_.gather(input("x", (5, 2)), input("i", (4,), "int64"), 1, 1),
        ShapeError,
        r"gather: .*needed the same first 1 sizes",
    ),
    BadCase(
        "scatter_add",
        "sizes",
        lambda: x_.scatter_add(input("u", (3, 2)), input("i", (4,), "int64"), 5),
        ShapeError,
        r"scatter_add: .*needed the index's axes among the updates'",
    ),
    BadCase(
        "scatter_add",
        "batch_dims",
        lambda: x_.scatter_add(input("u", (3, 2)), input("i", (3,), "int64"), 5, 0, 1),
        ShapeError,
        r"found batch_dims 1; needed 0 to 0 for axis 0",
    ),
    BadCase(
        "take",
        "float index",
        lambda: x_.Take(0)(input("x", (5, 2)), input("i", (3,))),
        DTypeError,
        r"take: found float32\[3\]; needed indices of an integer dtype",
    ),
    BadCase(
        "add_at",
        "float index",
        lambda: x_.AddAt(5)(input("x", (5, 2)), input("i", (5,))),
        DTypeError,
        r"add_at: found float32\[5\]; needed indices of an integer dtype",
    ),
    BadCase(
        "add_at",
        "sizes",
        lambda: x_.AddAt(5)(input("x", (3, 2)), input("i", (4,), "int64")),
        ShapeError,
        r"add_at: .*needed the index's axes among the updates'",
    ),
    BadCase(
        "check_index",
        "float index",
        lambda: x_.CheckIndex(5)(input("i", (3,))),
        DTypeError,
        r"check_index: found float32\[3\]; needed indices of an integer dtype",
    ),
    BadCase(
        "one_hot",
        "float index",
        lambda: x_.one_hot(input("i", (3,)), 5),
        DTypeError,
        r"one_hot: found float32\[3\]; needed indices of an integer dtype",
    ),
]
