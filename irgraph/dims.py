"""Named dims: reading and writing shapes, and what may be assumed of sizes.

A size is an `int` or a `Dim`: a polynomial with integer coefficients in named sizes and floor
quotients, e.g. `2*batch + 1` or `(width + 1)//2`. That is enough for reshape, concatenate, slicing
and convolution. Two sizes are equal here only if they are equal for every value of the names;
what can't be decided becomes a `Guard`, checked when the names are bound to numbers.
"""

from __future__ import annotations

import ast
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import index
from typing import Literal

from .errors import ShapeError, explain
from .origin import here
from .polynomial import (
    SIZE_HINT,
    Atom,
    Dim,
    Quotient,
    Size,
    bind,
    divides,
    estimate,
    hint,
    hinting,
    names_of,
    product,
)

__all__ = [
    "SIZE_HINT",
    "Dim",
    "Guard",
    "Quotient",
    "Shape",
    "Size",
    "as_shape",
    "as_size",
    "assume",
    "at_least",
    "bind",
    "collecting_guards",
    "divides",
    "estimate",
    "hint",
    "hinting",
    "names_of",
    "parse_size",
    "product",
    "read_size",
    "same_size",
]

Shape = tuple[Size, ...]


def parse_size(text: str) -> Size:
    """Read a size back from its text. Raises ShapeError where it is not one.

    >>> parse_size("2*batch + 1"), parse_size("(n + 3)//2"), parse_size("7")
    (2*batch + 1, (n + 1)//2 + 1, 7)
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _not_a_size(text) from None
    return read_size(tree)


def read_size(tree: ast.expr) -> Size:
    """The size that a Python expression spells. Raises ShapeError where it is not one."""
    match tree:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            return Dim.of(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -read_size(operand)
        case ast.BinOp(op=ast.Add()):
            return read_size(tree.left) + read_size(tree.right)
        case ast.BinOp(op=ast.Sub()):
            return read_size(tree.left) - read_size(tree.right)
        case ast.BinOp(op=ast.Mult()):
            return read_size(tree.left) * read_size(tree.right)
        case ast.BinOp(op=ast.FloorDiv()):
            left, right = read_size(tree.left), read_size(tree.right)
            if right != 0:
                return left // right
    raise _not_a_size(ast.unparse(tree))


def _not_a_size(text: str) -> ShapeError:
    return ShapeError(
        explain(f"the size {text!r}", "an integer, a name, or sums, products and // of these", here())
    )


def as_shape(shape: Iterable[Size | str] | Size | str) -> Shape:
    """The shape that a user wrote: integers, names such as "batch", dims, or one of these alone.

    Raises ShapeError for what is no size, and for a negative one.

    >>> as_shape(("batch", 64)), as_shape("2*batch + 1")
    ((batch, 64), (2*batch + 1,))
    """
    alone = isinstance(shape, (int, str, Dim)) or not isinstance(shape, Iterable)
    given: Iterable[object] = (shape,) if alone else shape  # type: ignore[assignment]
    sizes = tuple(parse_size(size) if isinstance(size, str) else as_size(size) for size in given)
    for size in sizes:
        if isinstance(size, int) and size < 0:
            raise ShapeError(explain(f"the negative size {size} in {sizes}", "sizes of at least 0", here()))
    return sizes


def as_size(size: object) -> Size:
    """The size that was given: a dim, or an integer of any kind. Raises ShapeError for all else."""
    if isinstance(size, Dim):
        return size
    try:
        return index(size)  # type: ignore[arg-type]
    except TypeError:
        raise ShapeError(explain(f"{size!r} in a shape", "an integer or a name", here())) from None


# ------------------------------------------------------------------------------------- guards


@dataclass(frozen=True, slots=True)
class Guard:
    """What was assumed of two sizes when a node was built, to be checked when names are bound."""

    relation: Literal["==", ">="]
    left: Size
    right: Size

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether the assumption is true for these sizes."""
        a, b = bind(self.left, sizes), bind(self.right, sizes)
        return a == b if self.relation == "==" else a >= b

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


class _Collector(threading.local):
    guards: list[Guard] | None = None


_collector = _Collector()


class collecting_guards:  # a context manager; a class, since it is entered for each node
    """Collect the guards that shape inference assumes within the block."""

    __slots__ = ("_outer",)

    def __enter__(self) -> list[Guard]:
        self._outer = _collector.guards
        found: list[Guard] = []
        _collector.guards = found
        return found

    def __exit__(self, *_: object) -> None:
        _collector.guards = self._outer


def assume(guard: Guard) -> None:
    """Enter a guard with those that shape inference assumes."""
    if _collector.guards is not None:
        _collector.guards.append(guard)


def same_size(a: Size, b: Size) -> Size | None:
    """The common size of two that must be equal, or None where they can't be.

    Different names are different sizes. A name against an integer can't be decided: the equality
    is assumed and guarded, and the integer is the answer.
    """
    if a == b:
        return a
    if isinstance(a, int) and isinstance(b, int):
        return None
    difference = a - b
    if isinstance(difference, int) or not _may_vanish(difference):
        return None
    if isinstance(a, Dim) and isinstance(b, Dim) and a.names() != b.names():
        return None
    assume(Guard("==", a, b))
    return a if isinstance(a, int) else b


def _may_vanish(difference: Dim) -> bool:
    """Whether a polynomial can be zero for sizes of at least 1 (False only when it surely can't)."""
    others = [c for monomial, c in difference.terms if monomial]
    sign = _common_sign(difference)
    if sign and sign * difference.bind(_Ones()) > 0:
        return False
    return dict(difference.terms).get((), 0) % reduce(math.gcd, others) == 0


class _Ones(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return 1


def _common_sign(dim: Dim) -> int:
    """1 where the polynomial grows with every name, from its constant at 0; -1 where it falls; else 0."""
    signs = {1 if c > 0 else -1 for monomial, c in dim.terms if monomial}
    rising = all(_rises(atom) for monomial, _ in dim.terms for atom in monomial)
    return signs.pop() if rising and len(signs) == 1 else 0


def _rises(atom: Atom) -> bool:
    """Whether an atom is 0 or more and never falls as the names grow."""
    if isinstance(atom, str):
        return True
    numerator, denominator = atom.numerator, atom.denominator
    if not isinstance(numerator, Dim) or not isinstance(denominator, int) or denominator < 0:
        return False
    return _common_sign(numerator) == 1 and dict(numerator.terms).get((), 0) >= 0


def at_least(size: Size, bound: Size) -> bool:
    """Whether `size >= bound` for sizes of at least 0; what can't be decided is assumed and guarded."""
    difference = size - bound
    if isinstance(difference, int):
        return difference >= 0
    constant, sign = dict(difference.terms).get((), 0), _common_sign(difference)
    if sign == 1 and constant >= 0:
        return True
    if sign == -1 and constant < 0:
        return False
    assume(Guard(">=", size, bound))
    return True
