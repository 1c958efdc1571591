"""Structured matrices and their products: identity, diagonal, blocks, dense, factored of low rank.

The form of a product follows from the forms of its parts, and so do its cost and its storage:

* `Blocks` are equal blocks along a diagonal: n of 1 × 1 are a diagonal matrix, one is a dense matrix. The
  product of `a` blocks and `b` blocks has gcd(a, b) blocks. Each inner index belongs to one block of either
  side, so the product takes (inner size) · (rows of a left block) · (columns of a right block).
* `Factored` is U V, where U has `rank` columns. A product from the left goes into U, one from the right into
  V; two of them meet in a matrix of rank × rank that goes into either side. U V can be multiplied out, and is
  dense then.

What the rules do not see: zeros in the product of two kinds of blocks where neither number divides the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd


@dataclass(frozen=True, slots=True)
class Blocks:
    """`count` blocks of `rows` × `columns` along the diagonal; `identity` says that it is one.

    >>> Blocks(4, 2, 3).shape, Blocks(4, 2, 3).storage
    ((8, 12), 24)
    """

    count: int
    rows: int
    columns: int
    identity: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        return self.count * self.rows, self.count * self.columns

    @property
    def storage(self) -> int:
        return 0 if self.identity else self.count * self.rows * self.columns


@dataclass(frozen=True, slots=True)
class Factored:
    """U V, of `rows` × `rank` and `rank` × `columns`.

    >>> Factored(100, 80, 2).storage
    360
    """

    rows: int
    columns: int
    rank: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def storage(self) -> int:
        return self.rank * (self.rows + self.columns)


Form = Blocks | Factored


def identity(n: int) -> Blocks:
    """The identity of n × n; its products cost nothing."""
    return Blocks(n, 1, 1, identity=True)


def diagonal(n: int) -> Blocks:
    """A diagonal matrix of n × n."""
    return Blocks(n, 1, 1)


def dense(rows: int, columns: int) -> Blocks:
    """A matrix of which nothing is known."""
    return Blocks(1, rows, columns)


def products(left: Form, right: Form) -> Iterator[tuple[Form, int]]:
    """The forms that a product can have, with the multiplications that each takes.

    >>> list(products(Blocks(4, 2, 3), diagonal(12)))
    [(Blocks(count=4, rows=2, columns=3, identity=False), 24)]
    """
    inner = right.shape[0]
    match left, right:
        case (Blocks(identity=True), other) | (other, Blocks(identity=True)):
            yield other, 0
        case Blocks(), Blocks():
            count = gcd(left.count, right.count)
            form = Blocks(count, left.shape[0] // count, right.shape[1] // count)
            yield form, inner * left.rows * right.columns
        case Factored(rows, _, rank), Blocks(columns=columns):
            yield Factored(rows, right.shape[1], rank), rank * inner * columns
        case Blocks(rows=rows), Factored(_, columns, rank):
            yield Factored(left.shape[0], columns, rank), inner * rows * rank
        case Factored(rows, _, rank), Factored(_, columns, other_rank):
            middle = rank * inner * other_rank
            yield Factored(rows, columns, rank), middle + rank * other_rank * columns
            yield Factored(rows, columns, other_rank), middle + rows * rank * other_rank
