"""Cases of reshape, transpose, broadcast_to, slice, pad and concatenate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import grids as k
from ...ops import shape as h
from ...ops import slicing as g
from ...ops.sources import input
from ..case import BadCase, Case, case, real, truth, whole

Target = Callable[[Any], tuple[Any, ...]]  # a shape from a shape


def _reshapes() -> list[Case]:
    targets: dict[str, tuple[tuple[int | str, ...], Target]] = {
        "merge": (("n", 3, 2), lambda s: (s[0], 6)),
        "merge the name": (("n", 3, 2), lambda s: (s[0] * 3, 2)),
        "split": (("n", 6), lambda s: (s[0], 3, 2)),
        "not factoring": ((2, 3, 12), lambda s: (8, 9)),
        "regroup the tail": (("n", 4, 6), lambda s: (s[0], 8, 3)),
        "regroup everything": ((4, "n", 6), lambda s: (2, s[1] * 3, 4)),
        "ones": ((1, "n", 1), lambda s: (s[1],)),
        "new ones": (("n", 3), lambda s: (1, s[0], 1, 3, 1)),
        "flat": (("n", 3), lambda s: (-1,)),
        "scalar": ((), lambda s: (1, 1)),
        "to scalar": ((1, 1), lambda s: ()),
        "the rest": (("n", 3, 4), lambda s: (2, -1, 3)),
        "name last": (("n", 6), lambda s: (6, s[0])),
        "names swap": (("n", "m", 2), lambda s: (s[1], s[0] * 2)),
        "empty": ((0, 3), lambda s: (3, 0)),
        "empty to another size": ((0, 3), lambda s: (0, 5)),
        "one element": ((1,), lambda s: (1, 1)),
    }
    return [
        case(
            "reshape",
            name,
            lambda x, t=target: h.reshape(x, t(x.shape)),
            lambda x, t=target: x.reshape(t(x.shape)),
            x=real(*source),
        )
        for name, (source, target) in targets.items()
    ]


def _broadcasts() -> list[Case]:
    targets: dict[str, tuple[tuple[int | str, ...], Target]] = {
        "new axes": ((3,), lambda s: (2, 4, 3)),
        "repeat": ((1, 3), lambda s: (4, 3)),
        "under a name": (("n", 1), lambda s: (2, s[0], 3)),
        "scalar": ((), lambda s: (2, 1)),
        "middle": ((2, 1, "n"), lambda s: (2, 5, s[2])),
        "to nothing": ((1, 3), lambda s: (0, 3)),
        "all ones": ((1, 1), lambda s: (1, 1, 1)),
    }
    return [
        case(
            "broadcast_to",
            name,
            lambda x, t=target: h.broadcast_to(x, t(x.shape)),
            lambda x, t=target: np.broadcast_to(x, t(x.shape)),
            x=real(*source),
        )
        for name, (source, target) in targets.items()
    ]


def _slices() -> list[Case]:
    """The same index expression is applied to the value and to the array."""
    indices: dict[str, tuple[tuple[int | str, ...], Callable[[Any], Any]]] = {
        "from": (("n", 3), lambda x: x[1:]),
        "to": (("n", 3), lambda x: x[:2]),
        "from the end": (("n", 5), lambda x: x[-2:, :-1]),
        "integer": (("n", 3), lambda x: x[:, 1]),
        "last": (("n", 3), lambda x: x[-1]),
        "integers": ((2, 3), lambda x: x[1, -2]),
        "strided": (("n", 7), lambda x: x[:, 1:6:2]),
        "strided name": (("n", 3), lambda x: x[::2]),
        "strided name from 1": (("n", 3), lambda x: x[1::3]),
        "reversed": (("n", 3), lambda x: x[::-1]),
        "reversed with strides": ((4, 7), lambda x: x[::-2, 5:0:-2]),
        "reversed to the start": ((4, 7), lambda x: x[3::-3, 4::-2]),
        "reversed name from the end": (("n", 3), lambda x: x[-2::-1]),
        "ellipsis": ((2, "n", 3), lambda x: x[..., 1:2]),
        "new axes": (("n", 3), lambda x: x[None, :, None, 0]),
        "nothing left": (("n", 3), lambda x: x[:, 2:1]),
        "past the end": ((4, 4), lambda x: x[4:, 3:]),
        "reversed empty": ((0, 3), lambda x: x[::-1]),
        "of nothing": ((2, 0), lambda x: x[1:, ::-1]),
        "one": ((1, 3), lambda x: x[0, :1]),
        "twice": ((6, "n"), lambda x: x[1:5][::2]),
    }
    return [case("slice", name, index, index, x=real(*shape)) for name, (shape, index) in indices.items()]


def _spread(x: Any) -> Any:
    """What `Pad((5,), (-2,), (7,), 1.5)` does to three elements."""
    out = np.full(7, 1.5)
    out[5:0:-2] = x
    return out


def _concatenations() -> list[Case]:
    shapes: dict[str, tuple[int, tuple[tuple[int | str, ...], ...]]] = {
        "rows": (0, (("n", 3), (2, 3))),
        "columns": (-1, (("n", 2), ("n", 1), ("n", 3))),
        "names": (0, (("n", 2), ("m", 2))),
        "vectors": (0, ((3,), (1,))),
        "with nothing": (1, (("n", 2), ("n", 0))),
        "middle": (1, ((2, 1, "n"), (2, 4, "n"))),
        "only nothing": (0, ((0, 2), (0, 2))),
    }
    return [
        case(
            "concatenate",
            name,
            lambda *xs, a=axis: g.concatenate(xs, a),
            lambda *xs, a=axis: np.concatenate(xs, a),
            **{f"x{n}": real(*shape) for n, shape in enumerate(parts)},
        )
        for name, (axis, parts) in shapes.items()
    ]


CASES = [
    *_reshapes(),
    *_broadcasts(),
    *_slices(),
    *_concatenations(),
    case("reshape", "of a transpose", lambda x: x.T.reshape(-1), lambda x: x.T.reshape(-1), x=real("n", 3)),
    case("reshape", "axis", lambda x: h.expand_dims(x, -2), lambda x: np.expand_dims(x, -2), x=real("n", 3)),
    case("transpose", "matrix", h.transpose, np.transpose, x=real("n", 3)),
    case(
        "transpose",
        "rank 3",
        lambda x: x.transpose(1, 2, 0),
        lambda x: x.transpose(1, 2, 0),
        x=real("n", 1, 2),
    ),
    case(
        "transpose",
        "negative axes",
        lambda x: h.transpose(x, (-1, 0, -2)),
        lambda x: x.transpose(2, 0, 1),
        x=real("n", 3, 2),
    ),
    case("transpose", "nothing", h.transpose, np.transpose, x=real("n")),
    case("transpose", "empty", h.transpose, np.transpose, x=real(0, 3)),
    case(
        "pad",
        "zeros",
        lambda x: k.pad(x, [(1, 2), (0, 1)]),
        lambda x: np.pad(x, [(1, 2), (0, 1)]),
        x=real("n", 3),
    ),
    case(
        "pad",
        "a value",
        lambda x: k.pad(x, [(2, 0)], -1.5),
        lambda x: np.pad(x, [(2, 0)], constant_values=-1.5),
        x=real("n"),
    ),
    case(
        "pad",
        "integers",
        lambda x: k.pad(x, [(0, 2)], 7),
        lambda x: np.pad(x, [(0, 2)], constant_values=7),
        x=whole("n"),
    ),
    case(
        "pad",
        "nothing",
        lambda x: k.pad(x, [(1, 1), (0, 0)]),
        lambda x: np.pad(x, [(1, 1), (0, 0)]),
        x=real(0, 2),
    ),
    case("pad", "widths of 0", lambda x: k.pad(x, [(0, 0)]), lambda x: x, x=real("n")),
    case("pad", "backwards with gaps", g.Pad((5,), (-2,), (7,), 1.5), _spread, x=real(3)),
    case(
        "concatenate",
        "bools",
        lambda x, y: g.concatenate([x, y]),
        lambda x, y: np.concatenate([x, y]),
        x=truth("n"),
        y=truth(2),
    ),
    case(
        "concatenate",
        "one value twice",
        lambda x: g.concatenate([x, x, x], 1),
        lambda x: np.concatenate([x, x, x], 1),
        x=real("n", 2),
    ),
]

BAD_CASES = [
    BadCase(
        "reshape",
        "sizes",
        lambda: input("x", ("batch", 6)).reshape("batch", 4),
        ShapeError,
        r"reshape: found shape \(batch, 6\) with 6\*batch elements; needed as many as in \(batch, 4\)",
    ),
    BadCase(
        "reshape",
        "two unknown",
        lambda: input("x", (6,)).reshape(-1, -1),
        ShapeError,
        r"needed -1 at most once",
    ),
    BadCase(
        "reshape",
        "no multiple",
        lambda: input("x", (6,)).reshape(4, -1),
        ShapeError,
        r"found 6 elements; needed a multiple of 4",
    ),
    BadCase(
        "transpose",
        "axes",
        lambda: input("x", (2, 3)).transpose(0, 0),
        ShapeError,
        r"found axes \(0, 0\); needed each of the 2 axes once",
    ),
    BadCase(
        "broadcast_to",
        "shape",
        lambda: h.broadcast_to(input("x", (2, 3)), (3, 3)),
        ShapeError,
        r"broadcast_to: found shapes \(2, 3\) and \(3, 3\)",
    ),
    BadCase(
        "broadcast_to",
        "smaller",
        lambda: h.broadcast_to(input("x", (2, 3)), (3,)),
        ShapeError,
        r"broadcast_to: found float32\[2, 3\]; needed a shape that repeats to \(3,\)",
    ),
    BadCase(
        "slice",
        "too many",
        lambda: input("x", (2, 3))[0, 0, 0],
        ShapeError,
        r"found 3 indices; needed at most 2",
    ),
    BadCase(
        "slice",
        "out of range",
        lambda: input("x", (2, 3))[2],
        ShapeError,
        r"found index 2 on an axis of size 2",
    ),
    BadCase(
        "slice",
        "far out of range",
        lambda: input("x", (2, 3))[:, -4],
        ShapeError,
        r"found index -4 on an axis of",
    ),
    BadCase(
        "slice",
        "a float",
        lambda: input("x", (2, 3))[1.0],
        DTypeError,
        r"found the index 1.0; needed integers",
    ),
    BadCase("slice", "step 0", lambda: input("x", ("n", 3))[::0], ShapeError, r"found a slice step of 0"),
    BadCase("slice", "known step 0", lambda: input("x", (3,))[::0], ShapeError, r"found a slice step of 0"),
    BadCase(
        "slice",
        "outside",
        lambda: g.Slice((2,), (1,), (3,))(input("x", (4,))),
        ShapeError,
        r"slice: found a slice from 2 to 4 on an axis of size 4",
    ),
    BadCase("pad", "negative", lambda: k.pad(input("x", (4,)), [(-1, 0)]), ShapeError, r"needed 1 pairs"),
    BadCase("pad", "too few", lambda: k.pad(input("x", (4, 3)), [(1, 0)]), ShapeError, r"needed 2 pairs"),
    BadCase(
        "concatenate",
        "sizes",
        lambda: g.concatenate([input("x", (2, 3)), input("y", (2, 4))]),
        ShapeError,
        r"concatenate: found shapes \(2, 3\) and \(2, 4\); needed equal sizes on all axes but 0",
    ),
    BadCase(
        "concatenate",
        "ranks",
        lambda: g.concatenate([input("x", (2, 3)), input("y", (2,))]),
        ShapeError,
        r"concatenate: .*needed one rank",
    ),
    BadCase(
        "concatenate",
        "dtypes",
        lambda: g.concatenate([input("x", (2,)), input("y", (2,), "int64")]),
        DTypeError,
        r"concatenate: found x of float32 .* and y of int64",
    ),
    BadCase(
        "concatenate",
        "dtypes of the op",
        lambda: g.Concatenate(0)(input("x", (2,)), input("y", (2,), "int64")),
        DTypeError,
        r"concatenate: .*needed one dtype",
    ),
    BadCase("concatenate", "nothing", lambda: g.concatenate([]), ShapeError, r"found no values"),
    BadCase(
        "concatenate", "scalars", lambda: g.concatenate([input("x"), input("y")]), ShapeError, r"found axis 0"
    ),
]
