"""Cases of einsum, and of products of several matrices."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ... import linalg
from ...errors import DTypeError, ShapeError
from ...ops.einsum import einsum
from ...ops.sources import input
from ..case import BadCase, Case, case, real, whole

_SHAPES: dict[str, tuple[str, tuple[tuple[int | str, ...], ...]]] = {
    "matmul": ("ij,jk->ik", (("n", 3), (3, "m"))),
    "matmul, implicit": ("ba,ac", (("n", 3), (3, "m"))),
    "transposed result": ("ij,jk->ki", (("n", 3), (3, 2))),
    "batch": ("bij,bjk->bik", (("n", 2, 3), ("n", 3, 2))),
    "outer": ("i,j->ij", (("n",), ("m",))),
    "inner": ("i,i->", (("n",), ("n",))),
    "elementwise": ("ij,ij->ji", (("n", 3), ("n", 3))),
    "sum": ("ij->", (("n", "m"),)),
    "transpose": ("ijk->kij", (("n", "m", 2),)),
    "trace": ("ii", ((3, 3),)),
    "trace of a named dim": ("ii", (("n", "n"),)),
    "diagonal": ("bii->bi", (("n", 3, 3),)),
    "diagonal of a named dim": ("iij->ji", (("n", "n", "m"),)),
    "three times": ("iii->i", ((3, 3, 3),)),
    "diagonal and sum": ("aab,bcc->ac", ((3, 3, 2), (2, "n", "n"))),
    "ellipsis": ("...ij,...jk->...ik", (("n", 2, 3), ("n", 3, 2))),
    "ellipsis, broadcast": ("...ij,jk...->...ik", ((2, 1, 3, 4), (4, 2, 5))),
    "ellipsis in the middle": ("i...j->j...", (("n", 2, "m"),)),
    "ellipsis, implicit": ("...b,...", (("n", 3), ("n",))),
    "size 1 repeats": ("ij,j->ij", (("n", 1), (3,))),
    "three": ("ij,jk,kl->il", (("n", 3), (3, "m"), ("m", 2))),
    "attention": ("bqd,bkd,bkv->bqv", (("n", 3, 2), ("n", "m", 2), ("n", "m", 4))),
    "four": ("ab,bc,cd,da->", ((2, 3), (3, "n"), ("n", 4), (4, 2))),
    "nine": ("ab,bc,cd,de,ef,fg,gh,hi,ij->aj", ((2, 2),) * 9),
    "bilinear": ("bi,ijk,bj->bk", (("n", 2), (2, 3, 2), ("n", 3))),
    "one": ("i->i", (("n",),)),
    "scalars": (",->", ((), ())),
    "nothing to sum": ("ij,jk->ik", (("n", 0), (0, 2))),
}


def _chain(*arrays: Any) -> Any:
    return np.linalg.multi_dot(arrays)


def _einsums() -> list[Case]:
    return [
        case(
            "einsum",
            name,
            partial(einsum, subscripts),
            partial(np.einsum, subscripts),
            **{letter: real(*shape) for letter, shape in zip("abcdefghi", shapes, strict=False)},
        )
        for name, (subscripts, shapes) in _SHAPES.items()
    ]


def _bad(name: str, subscripts: Any, needed: str, *shapes: tuple[int, ...]) -> BadCase:
    def build() -> object:
        return einsum(subscripts, *[input(f"x{n}", shape) for n, shape in enumerate(shapes)])

    return BadCase("einsum", name, build, ShapeError, needed)


_MATRIX = real("n", 3, 3)

_HALF: Any = (0.5,)

CASES = [
    *_einsums(),
    case(
        "einsum",
        "integers",
        partial(einsum, "ij,jk->ik"),
        partial(np.einsum, "ij,jk->ik"),
        a=whole("n", 3),
        b=whole(3, 2),
    ),
    case(
        "einsum",
        "small integers",
        partial(einsum, "ij->j"),
        lambda a: a.sum(0),
        a=whole("n", 3, dtype="int8"),
    ),
    case(
        "matmul",
        "chain",
        lambda *xs: linalg.multi_dot(xs),
        _chain,
        a=real("n", 4),
        b=real(4, 2),
        c=real(2, 5),
        d=real(5, "m"),
    ),
    case(
        "matmul",
        "chain of vectors",
        lambda *xs: linalg.multi_dot(xs),
        _chain,
        a=real(4),
        b=real(4, "n"),
        c=real("n"),
    ),
    case(
        "matmul",
        "power",
        lambda a: linalg.matrix_power(a, 5),
        lambda a: np.linalg.matrix_power(a, 5),
        a=_MATRIX,
    ),
    case("matmul", "zeroth power", lambda a: linalg.matrix_power(a, 0) @ a, lambda a: a, a=_MATRIX),
    case(
        "einsum",
        "of a power",
        lambda a: einsum("bij->bj", linalg.matrix_power(a, 2)),
        lambda a: (a @ a).sum(1),
        a=_MATRIX,
    ),
]

BAD_CASES = [
    _bad("letters", "ij,j%", r"needed letters, commas, \.\.\. and one ->", (2, 3), (3, 4)),
    _bad("two arrows", "ij->i->j", r"needed letters, commas, \.\.\. and one ->", (2, 3)),
    _bad(
        "operands",
        "ij",
        r"needed one group of letters for each operand, of which there are 2",
        (2, 3),
        (3, 4),
    ),
    _bad("no operands", "ij", r"needed one group of letters for each operand, of which there are 0"),
    _bad("rank", "i,jk", r"shapes \(2, 3\), \(3, 4\); needed one letter for each axis", (2, 3), (3, 4)),
    _bad("ellipses", "......i", r"needed \.\.\. once in a group", (2, 3)),
    _bad("lost ellipsis", "...i->i", r"needed \.\.\. on the right, too", (2, 3)),
    _bad("unknown on the right", "ij->k", r"needed on the right letters from the left, each once", (2, 3)),
    _bad("twice on the right", "ij->ii", r"needed on the right letters from the left, each once", (2, 3)),
    _bad(
        "sizes", "ij,jk", r"einsum: found ij,jk->ik of .*needed one size for j, not 3 and 5", (2, 3), (5, 4)
    ),
    _bad("no text", 3, r"found the subscripts 3; needed text such as", (2, 3)),
    BadCase(
        "einsum",
        "bools",
        lambda: einsum("i->", input("x", (3,), "bool")),
        DTypeError,
        r"einsum: found bool\[3\]",
    ),
    BadCase(
        "matmul",
        "chain",
        lambda: linalg.multi_dot([input("a", (2, 2))]),
        ShapeError,
        r"needed at least two matrices",
    ),
    BadCase(
        "matmul",
        "chain of batches",
        lambda: linalg.multi_dot([input("a", (2, 2)), input("b", (3, 2, 2))]),
        ShapeError,
        r"found multi_dot of <b : float32\[3, 2, 2\]> at 1; needed matrices, and vectors at the ends",
    ),
    BadCase(
        "matmul",
        "power",
        lambda: linalg.matrix_power(input("a", (2, 2)), *_HALF),
        ShapeError,
        r"found the power 0.5",
    ),
]
