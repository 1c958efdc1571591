"""Cases of rearrangements, diagonals, tensor products, grids and padding by the edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import GraphError, ShapeError
from ...ops import diagonals as d
from ...ops import grids as g
from ...ops import rearranging as r
from ...ops import tensor_products as t
from ...ops.sources import input
from ..case import BadCase, Build, Case, case, real, truth, whole

Shape = tuple[int | str, ...]

# op among the nodes, name, shape, ours, NumPy's
_OF_ONE: list[tuple[str, str, Shape, Build, Callable[..., Any]]] = [
    ("reshape", "squeeze", ("n", 1, 3, 1), r.squeeze, lambda x: x.reshape(len(x), 3)),
    ("reshape", "squeeze one", ("n", 1, 1), lambda x: r.squeeze(x, 1), lambda x: np.squeeze(x, 1)),
    ("reshape", "squeeze last", ("n", 1), lambda x: r.squeeze(x, -1), lambda x: np.squeeze(x, -1)),
    ("transpose", "moveaxis", ("n", 2, 3), lambda x: r.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
    (
        "transpose",
        "moveaxis two",
        (2, "n", 3, 4),
        lambda x: r.moveaxis(x, (0, -1), (2, 0)),
        lambda x: np.moveaxis(x, (0, -1), (2, 0)),
    ),
    ("transpose", "swapaxes", ("n", 2, 3), lambda x: r.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1)),
    ("slice", "split", ("n", 6), lambda x: r.split(x, 3, 1), lambda x: np.split(x, 3, 1)),
    (
        "slice",
        "split by sizes",
        ("n", 6),
        lambda x: r.split(x, [1, -1, 2], 1),
        lambda x: np.split(x, [1, 4], 1),
    ),
    ("slice", "split a name", ("n", 2), lambda x: r.split(x, [1, -1]), lambda x: np.split(x, [1])),
    ("slice", "array_split", (7, "n"), lambda x: r.array_split(x, 3), lambda x: np.array_split(x, 3)),
    ("slice", "unstack", ("n", 3), lambda x: r.unstack(x, 1), lambda x: [x[:, 0], x[:, 1], x[:, 2]]),
    ("slice", "flip", ("n", 3), r.flip, np.flip),
    ("slice", "flip one axis", ("n", 3), lambda x: r.flip(x, 0), lambda x: np.flip(x, 0)),
    ("concatenate", "roll", ("n", 5), lambda x: r.roll(x, 2, 1), lambda x: np.roll(x, 2, 1)),
    ("concatenate", "roll back", ("n", 5), lambda x: r.roll(x, -7, 1), lambda x: np.roll(x, -7, 1)),
    ("slice", "roll a name", ("n", 2), lambda x: r.roll(x, 1, 0), lambda x: np.roll(x, 1, 0)),
    ("slice", "roll a name back", ("n", 2), lambda x: r.roll(x, -1, 0), lambda x: np.roll(x, -1, 0)),
    ("concatenate", "roll flat", (3, 4), lambda x: r.roll(x, 5), lambda x: np.roll(x, 5)),
    (
        "concatenate",
        "roll two axes",
        (3, 4),
        lambda x: r.roll(x, (1, -1), (0, 1)),
        lambda x: np.roll(x, (1, -1), (0, 1)),
    ),
    ("broadcast_to", "tile", ("n", 3), lambda x: r.tile(x, (2, 3)), lambda x: np.tile(x, (2, 3))),
    (
        "broadcast_to",
        "tile more axes",
        ("n",),
        lambda x: r.tile(x, (2, 1, 2)),
        lambda x: np.tile(x, (2, 1, 2)),
    ),
    ("broadcast_to", "tile fewer", ("n", 2), lambda x: r.tile(x, 2), lambda x: np.tile(x, 2)),
    ("broadcast_to", "repeat", ("n", 3), lambda x: r.repeat(x, 2, 0), lambda x: np.repeat(x, 2, 0)),
    ("broadcast_to", "repeat flat", (2, 3), lambda x: r.repeat(x, 3), lambda x: np.repeat(x, 3)),
    ("triangle", "triu", ("n", 3), d.triu, np.triu),
    ("triangle", "tril", (3, "n"), d.tril, np.tril),
    ("triangle", "triu k", (2, 4, "n"), lambda x: d.triu(x, 1), lambda x: np.triu(x, 1)),
    ("triangle", "tril k", ("n", 3, 1), lambda x: d.tril(x, -1), lambda x: np.tril(x, -1)),
    ("triangle", "empty", (0, 3), d.tril, np.tril),
    ("take_diagonal", "diagonal", (3, 4), d.diagonal, np.diagonal),
    ("take_diagonal", "diagonal above", (3, 4), lambda x: d.diagonal(x, 2), lambda x: np.diagonal(x, 2)),
    ("take_diagonal", "diagonal below", (4, 3), lambda x: d.diagonal(x, -2), lambda x: np.diagonal(x, -2)),
    ("take_diagonal", "diagonal far", (2, 3), lambda x: d.diagonal(x, 5), lambda x: np.diagonal(x, 5)),
    ("take_diagonal", "diagonal by name", ("n", "n"), d.diagonal, np.diagonal),
    (
        "take_diagonal",
        "diagonal of axes",
        (2, "n", 3),
        lambda x: d.diagonal(x, 0, 0, 2),
        lambda x: np.diagonal(x, 0, 0, 2),
    ),
    ("sum", "trace", (3, 4, "n"), d.trace, np.trace),
    ("where", "diag", ("n",), d.diag, np.diag),
    ("where", "diag above", (3,), lambda x: d.diag(x, 2), lambda x: np.diag(x, 2)),
    ("where", "diag below", ("n",), lambda x: d.diag(x, -1), lambda x: np.diag(x, -1)),
    ("take_diagonal", "diag of a matrix", (3, 3), lambda x: d.diag(x, 1), lambda x: np.diag(x, 1)),
    (
        "concatenate",
        "pad edge",
        ("n", 3),
        lambda x: g.pad(x, [(0, 0), (2, 1)], mode="edge"),
        lambda x: np.pad(x, [(0, 0), (2, 1)], "edge"),
    ),
    (
        "concatenate",
        "pad reflect",
        (4, "n", 3),
        lambda x: g.pad(x, [(1, 3), (0, 0), (2, 0)], mode="reflect"),
        lambda x: np.pad(x, [(1, 3), (0, 0), (2, 0)], "reflect"),
    ),
    (
        "multiply",
        "linspace",
        (),
        lambda x: g.linspace(x, 2.0, 5, dtype=x.dtype),
        lambda x: np.linspace(x, 2.0, 5),
    ),
]

_OF_TWO: list[tuple[str, str, Shape, Shape, Build, Callable[..., Any]]] = [
    ("concatenate", "stack", ("n", 3), ("n", 3), lambda *x: r.stack(x), lambda *x: np.stack(x)),
    ("concatenate", "stack last", ("n", 3), ("n", 3), lambda *x: r.stack(x, -1), lambda *x: np.stack(x, -1)),
    ("matmul", "tensordot", ("n", 2, 3), (2, 3, 4), t.tensordot, np.tensordot),
    (
        "matmul",
        "tensordot axes",
        (2, "n", 3),
        (3, 4, 2),
        lambda a, b: t.tensordot(a, b, ([0, 2], [2, 0])),
        lambda a, b: np.tensordot(a, b, ([0, 2], [2, 0])),
    ),
    (
        "matmul",
        "tensordot nothing",
        ("n",),
        (3,),
        lambda a, b: t.tensordot(a, b, 0),
        lambda a, b: np.tensordot(a, b, 0),
    ),
    ("matmul", "inner", ("n", 2, 3), (4, 3), t.inner, np.inner),
    ("multiply", "inner of a scalar", ("n", 2), (), t.inner, np.inner),
    ("matmul", "dot", ("n", 3), (3, 2), t.dot, np.dot),
    ("matmul", "dot of a batch", ("n", 3), (2, 3, 4), t.dot, np.dot),
    ("matmul", "dot with a vector", (2, "n", 3), (3,), t.dot, np.dot),
    ("matmul", "vdot", (2, 3), (6,), t.vdot, np.vdot),
    ("multiply", "outer", ("n", 2), (3,), t.outer, np.outer),
    ("multiply", "kron", ("n", 2), (3, 2), t.kron, np.kron),
    ("multiply", "kron of ranks", (2,), ("n", 3), t.kron, np.kron),
    ("broadcast_to", "meshgrid", ("n",), (3,), g.meshgrid, np.meshgrid),
    (
        "broadcast_to",
        "meshgrid ij",
        ("n",),
        (3,),
        lambda a, b: g.meshgrid(a, b, indexing="ij"),
        lambda a, b: np.meshgrid(a, b, indexing="ij"),
    ),
]


def _constants() -> list[Case]:
    ones = ("n", 3)
    return [
        case("iota", "from", lambda x: x + g.arange(2, 5), lambda x: x + np.arange(2, 5), x=whole("n", 3)),
        case("iota", "down", lambda x: x + g.arange(7, 1, -2), lambda x: x + np.arange(7, 1, -2), x=whole(3)),
        case(
            "iota",
            "up to a name",
            lambda x: x * 0 + g.arange(1, x.shape[0] * 2 + 1, 2, dtype=x.dtype),
            lambda x: x * 0 + np.arange(1, len(x) * 2 + 1, 2),
            x=real("n"),
        ),
        case(
            "iota",
            "down from a name",
            lambda x: x + g.arange(x.shape[0] - 1, -1, -1),
            lambda x: x + np.arange(len(x))[::-1],
            x=whole("n"),
        ),
        case("iota", "nothing", lambda x: x[:0] + g.arange(3, 1), lambda x: x[:0], x=whole(3)),
        case(
            "constant",
            "arange of floats",
            lambda x: x + g.arange(0.5, 2.0, 0.5),
            lambda x: x + np.arange(0.5, 2.0, 0.5),
            x=real("n", 3),
        ).only("float32"),
        case(
            "cast", "eye", lambda x: d.eye(3, 4, 1) + 0 * x.sum(), lambda x: np.eye(3, 4, 1), x=real(*ones)
        ).only("float32"),
        case(
            "cast",
            "eye by name",
            lambda x: d.eye(x.shape[0]) * x,
            lambda x: np.eye(len(x)) * x,
            x=real("n", "n"),
        ).only("float32"),
    ]


CASES = [
    *[case(op, name, ours, theirs, x=real(*shape)) for op, name, shape, ours, theirs in _OF_ONE],
    *[case(op, name, f, h, a=real(*one), b=real(*two)) for op, name, one, two, f, h in _OF_TWO],
    case("triangle", "integers", d.triu, np.triu, x=whole("n", 3)),
    case("triangle", "bools", d.tril, np.tril, x=truth("n", 3)),
    *_constants(),
]

BAD_CASES = [
    BadCase("iota", "step", lambda: g.arange(2, 5, 0), ShapeError, r"found a step of 0"),
    BadCase("iota", "dtype", lambda: g.arange(3, "int32"), ShapeError, r"needed the dtype by name"),
    BadCase("iota", "floats", lambda: g.arange("n", 2.5), ShapeError, r"integers with named dims"),
    BadCase(
        "reshape", "squeeze", lambda: r.squeeze(input("x", ("n", 1)), 0), ShapeError, r"size n to squeeze"
    ),
    BadCase(
        "transpose",
        "moveaxis",
        lambda: r.moveaxis(input("x", (2, 3)), (0, 1), 0),
        ShapeError,
        r"found 2 axes to 1 places",
    ),
    BadCase(
        "slice",
        "split",
        lambda: r.split(input("x", (5,)), 2),
        ShapeError,
        r"found 2 parts of an axis of size 5",
    ),
    BadCase(
        "slice",
        "split sizes",
        lambda: r.split(input("x", (5,)), [2, 2]),
        ShapeError,
        r"found parts of sizes \[2, 2\] of an axis of size 5; needed sizes that add up",
    ),
    BadCase(
        "slice", "unstack", lambda: r.unstack(input("x", ("n",))), ShapeError, r"axis 0 of size n in unstack"
    ),
    BadCase(
        "concatenate",
        "stack",
        lambda: r.stack([input("x", (2,)), input("y", (3,))]),
        ShapeError,
        r"found shapes \(2,\) and \(3,\) to stack",
    ),
    BadCase(
        "concatenate", "roll", lambda: r.roll(input("x", (2,)), (1, 2), 0), ShapeError, r"2 shifts of 1 axes"
    ),
    BadCase(
        "broadcast_to", "repeat", lambda: r.repeat(input("x", (2,)), -1), ShapeError, r"-1 repeats of repeat"
    ),
    BadCase(
        "triangle", "vector", lambda: d.triu(input("x", (2,))), ShapeError, r"triangle: .* needed a matrix"
    ),
    BadCase(
        "take_diagonal",
        "diagonal",
        lambda: d.diagonal(input("x", ("n", 3))),
        ShapeError,
        r"sizes in numbers, or two equal",
    ),
    BadCase("where", "diag", lambda: d.diag(input("x")), ShapeError, r"needed a vector or a matrix"),
    BadCase(
        "matmul",
        "tensordot",
        lambda: t.tensordot(input("x", (2, 3)), input("y", (4, 5)), 1),
        ShapeError,
        r"axis 1 of .* and axis 0 of .*; needed equal sizes",
    ),
    BadCase(
        "concatenate",
        "pad mode",
        lambda: g.pad(input("x", (2,)), [(1, 1)], mode="wrap"),  # type: ignore[arg-type]
        GraphError,
        r"found mode='wrap' of pad",
    ),
    BadCase(
        "concatenate",
        "pad reflect",
        lambda: g.pad(input("x", (2,)), [(2, 0)], mode="reflect"),
        ShapeError,
        r"slice: found a slice from 1 to 2 on an axis of size 2",
    ),
    BadCase(
        "broadcast_to", "meshgrid", lambda: g.meshgrid(input("x", (2, 2))), ShapeError, r"needed vectors"
    ),
]
