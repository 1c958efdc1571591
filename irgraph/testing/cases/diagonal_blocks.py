"""Cases of placing blocks on diagonals, adding them there, and taking them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...dims import Size
from ...errors import DTypeError, ShapeError
from ...ops.diagonal_blocks import add_diagonal, place_diagonal, take_diagonal
from ...ops.shape import transpose
from ...ops.sources import input
from ...value import Value
from ..case import Array, BadCase, Case, case, real, whole

Shape = tuple[int | str, ...]

# name: the shape of the larger tensor, axis, along, start
_DIAGONALS: dict[str, tuple[Shape, int, int, Callable[[Any], Any]]] = {
    "matrix": (("n", "n"), 1, 0, lambda s: 0),
    "first axis": (("n", "n"), 0, 1, lambda s: 0),
    "longer": (("n", 6), 1, 0, lambda s: 0),
    "from 2": ((3, 7), 1, 0, lambda s: 2),
    "to the end": ((2, 3, 5), 2, 1, lambda s: 2),
    "of blocks": (("n", 2, "n", 3), 2, 0, lambda s: 0),
    "inner axes": ((2, "n", 3, "n"), 3, 1, lambda s: 0),
    "backwards": (("m", 2, 3, "m"), 0, 3, lambda s: 0),
    "from the front": ((5, 2, 3), 0, 2, lambda s: 1),
    "neighbours": ((2, "n", "n", 3), 1, 2, lambda s: 0),
    "a name longer": (("m", "n"), 1, 0, lambda s: 0),
    "a name from the end": ((2, "n"), 1, 0, lambda s: s[1] - 2),
    "one in many": ((1, 4, 3), 1, 0, lambda s: 2),
    "other axes of one": ((1, 3, 1, 3), 3, 1, lambda s: 0),
    "one by one": (("n", 1, 1), 2, 1, lambda s: 0),
    "of nothing": ((0, 4), 1, 0, lambda s: 4),
}


def _places(shape: tuple[int, ...], axis: int, along: int, start: int) -> tuple[Any, ...]:
    """The index of the diagonal's elements, in the order of the smaller tensor's axes."""
    rest = shape[:axis] + shape[axis + 1 :]
    if start < 0:
        raise IndexError(f"a diagonal from {start}")
    grid = list(np.indices(rest, sparse=False))
    grid.insert(axis, grid[along - (along > axis)] + start)
    return tuple(grid)


def _placed(v: Array, shape: tuple[int, ...], axis: int, along: int, start: int) -> Array:
    out = np.zeros(shape, v.dtype)
    out[_places(shape, axis, along, start)] = v
    return out


def _taken(x: Array, axis: int, along: int, start: int) -> Array:
    found: Array = x[_places(x.shape, axis, along, start)]
    return found


def _added(x: Array, v: Array, axis: int, along: int, start: int) -> Array:
    return x + _placed(v, x.shape, axis, along, start)


def _cases() -> list[Case]:
    found: list[Case] = []
    for name, (shape, axis, along, start) in _DIAGONALS.items():
        smaller = shape[:axis] + shape[axis + 1 :]
        if isinstance(shape[axis], int) or shape[axis] == shape[along]:  # a size that v has, or a number
            found.append(_place(name, shape, axis, along, start))
        found += [
            case(
                "take_diagonal",
                name,
                lambda x, a=axis, b=along, f=start: take_diagonal(x, a, b, f(x.shape)) * 1,
                lambda x, a=axis, b=along, f=start: _taken(x, a, b, f(x.shape)),
                x=real(*shape),
            ),
        ]
        if name != "one by one":  # which is a sum
            found.append(
                case(
                    "add_diagonal",
                    name,
                    lambda x, v, a=axis, b=along, f=start: add_diagonal(x, v, a, b, f(x.shape)),
                    lambda x, v, a=axis, b=along, f=start: _added(x, v, a, b, f(x.shape)),
                    x=real(*shape),
                    v=real(*smaller),
                )
            )
    return found


def _place(name: str, shape: Shape, axis: int, along: int, start: Callable[[Any], Any]) -> Case:
    rest = shape[:axis] + shape[axis + 1 :]

    def whole_shape(v: Value | Array) -> tuple[Any, ...]:
        size = shape[axis] if isinstance(shape[axis], int) else v.shape[along - (along > axis)]
        return (*v.shape[:axis], size, *v.shape[axis:])

    def build(v: Value) -> Value:
        sizes: tuple[Size, ...] = whole_shape(v)
        return place_diagonal(v, axis, along, sizes[axis], start(sizes))

    def oracle(v: Array) -> Array:
        sizes = whole_shape(v)
        return _placed(v, sizes, axis, along, start(sizes))

    op = "reshape" if name == "one by one" else "place_diagonal"
    return case(op, name if op != "reshape" else "diagonal of one", build, oracle, v=real(*rest))


def _over(x: Value, v: Value) -> Value:
    """Onto what nobody reads later, below a transposition."""
    return add_diagonal(transpose(x * 2, (2, 0, 1)), v, axis=2, along=0)


CASES = [
    *_cases(),
    case(
        "add_diagonal",
        "in place",
        lambda x, v: add_diagonal(x * 2, v, 1, 0),
        lambda x, v: _added(x * 2, v, 1, 0, 0),
        x=real("n", "n"),
        v=real("n"),
    ),
    case(
        "add_diagonal",
        "below a transposition",
        _over,
        lambda x, v: _added(np.transpose(x * 2, (2, 0, 1)), v, 2, 0, 0),
        x=real(2, 3, 3),
        v=real(3, 2),
    ),
    case(
        "add_diagonal",
        "its own diagonal",
        lambda x: add_diagonal(x, take_diagonal(x, 1, 0), 1, 0),
        lambda x: _added(x, np.diagonal(x), 1, 0, 0),
        x=real("n", "n"),
    ),
    case(
        "add_diagonal",
        "integers",
        lambda x, v: add_diagonal(x, v, 0, 1, 1),
        lambda x, v: _added(x, v, 0, 1, 1),
        x=whole(4, 2),
        v=whole(2),
    ),
    case(
        "place_diagonal",
        "integers",
        lambda v: place_diagonal(v, 0, 1, 5, 1),
        lambda v: _placed(v, (5, 3), 0, 1, 1),
        v=whole(3),
    ),
]

BAD_CASES = [
    BadCase(
        "place_diagonal",
        "too long",
        lambda: place_diagonal(input("v", (3,)), 1, 0, 4, start=2),
        ShapeError,
        r"found a diagonal of 3 elements from 2 on an axis of size 4; needed positions inside it",
    ),
    BadCase(
        "place_diagonal",
        "before the start",
        lambda: place_diagonal(input("v", (3,)), 1, 0, 4, start=-1),
        ShapeError,
        r"3 elements from -1 .*; needed positions inside it",
    ),
    BadCase(
        "place_diagonal",
        "named",
        lambda: place_diagonal(input("v", ("n",)), 1, 0, input("w", ("n",)).shape[0] - 1),
        ShapeError,
        r"a diagonal of n elements from 0 on an axis of size n - 1",
    ),
    BadCase(
        "place_diagonal",
        "one axis",
        lambda: place_diagonal(input("v", (3, 2)), 1, 1, 3),
        ShapeError,
        r"found the axes 1 and 1 of .*; needed two different axes",
    ),
    BadCase(
        "place_diagonal",
        "no axis",
        lambda: place_diagonal(input("v", (3, 2)), 3, 0, 3),
        ShapeError,
        r"found a new axis 3 .*; needed one from 0 to 2",
    ),
    BadCase(
        "take_diagonal",
        "outside",
        lambda: take_diagonal(input("x", (3, 2)), 1, 0),
        ShapeError,
        r"a diagonal of 3 elements from 0 on an axis of size 2",
    ),
    BadCase(
        "add_diagonal",
        "shape",
        lambda: add_diagonal(input("x", (3, 4, 2)), input("v", (3, 4)), 1, 0),
        ShapeError,
        r"found a diagonal .*3, 4.* without axis 1; needed .*\[3, 2\]",
    ),
    BadCase(
        "add_diagonal",
        "dtypes",
        lambda: add_diagonal(input("x", (3, 3)), input("v", (3,), "float64"), 1, 0),
        DTypeError,
        r"needed one dtype",
    ),
    BadCase(
        "add_diagonal",
        "truth values",
        lambda: add_diagonal(input("x", (3, 3), "bool"), input("v", (3,), "bool"), 1, 0),
        DTypeError,
        r"needed a dtype of numbers",
    ),
]
