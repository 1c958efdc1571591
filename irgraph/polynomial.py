"""Exact integer arithmetic on named sizes: polynomials with integer coefficients and floor quotients.

Division is multivariate long division by one divisor under a graded monomial order (Cox, Little and
O'Shea, "Ideals, Varieties, and Algorithms", §2.3), with floor division of the coefficients. What is
left over becomes one `Quotient` atom, so equal divisions have equal results.
"""

from __future__ import annotations

import keyword
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index

from .errors import ShapeError

SIZE_HINT = 256  # what an unbound name counts as in cost estimates; the same on every machine


@dataclass(frozen=True, slots=True)
class Quotient:
    """The atom `numerator // denominator`, where the division is not exact for every binding."""

    numerator: Size
    denominator: Size

    def __str__(self) -> str:
        return f"{_operand(self.numerator)}//{_operand(self.denominator)}"


Atom = str | Quotient
Monomial = tuple[Atom, ...]  # sorted by text
Terms = tuple[tuple[Monomial, int], ...]


class Dim:
    """A polynomial with integer coefficients in named sizes; immutable, compared by value.

    >>> batch = Dim.of("batch")
    >>> 2 * batch + 1, (6 * batch + 4) // 2, (batch - 3) // 2, batch * batch == batch
    (2*batch + 1, 3*batch + 2, (batch + 1)//2 - 2, False)
    """

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._hash = hash(terms)

    def __reduce__(self) -> tuple[Callable[[Terms], Dim], tuple[Terms]]:
        return Dim, (self.terms,)  # the hash of a string differs from process to process

    @staticmethod
    def of(name: str) -> Dim:
        """The dim that is one name. Raises ShapeError where it is not an identifier."""
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise ShapeError(f"found the dim name {name!r}; needed an identifier that is no keyword.")
        return Dim((((name,), 1),))

    @property
    def name(self) -> str | None:
        """The name, where the dim is one name and nothing else."""
        ((monomial, coefficient), *rest) = self.terms
        if rest or coefficient != 1 or len(monomial) != 1 or not isinstance(monomial[0], str):
            return None
        return monomial[0]

    def names(self) -> frozenset[str]:
        """All names that occur."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    found |= names_of((atom.numerator, atom.denominator))
        return frozenset(found)

    def __add__(self, other: Size) -> Size:
        total = dict(self.terms)
        for monomial, coefficient in _terms(other):
            total[monomial] = total.get(monomial, 0) + coefficient
        return _polynomial(total)

    def __mul__(self, other: Size) -> Size:
        total: dict[Monomial, int] = {}
        for right, b in _terms(other):
            _add_multiple(total, self.terms, right, b)
        return _polynomial(total)

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + (-other)

    def __rsub__(self, other: int) -> Size:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        return _floor_divide(self, other)

    def __rfloordiv__(self, other: int) -> Size:
        return _floor_divide(other, self)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Dim) and self.terms == other.terms)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        text = ""
        for monomial, coefficient in sorted(self.terms, key=lambda term: (-len(term[0]), str(term[0]))):
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} " if text else ("-" if sign == "-" else "")
            text += _term_text(monomial, abs(coefficient), bare=text != "-")
        return text

    def bind(self, sizes: Mapping[str, int]) -> int:
        """The number that this is when the names have these sizes. Raises ShapeError for an unknown name."""
        total = 0
        for monomial, coefficient in self.terms:
            for atom in monomial:
                coefficient *= _bind_atom(atom, sizes)
            total += coefficient
        return total


Size = int | Dim


def _operand(size: Size) -> str:
    simple = isinstance(size, int) or size.name is not None
    return f"{size}" if simple else f"({size})"


def _term_text(monomial: Monomial, magnitude: int, bare: bool) -> str:
    """One term without its sign. A quotient in a product or after a leading `-` needs brackets."""
    if magnitude == 1 and len(monomial) == 1 and bare:
        return str(monomial[0])
    factors = [atom if isinstance(atom, str) else f"({atom})" for atom in monomial]
    if magnitude != 1 or not factors:
        factors.insert(0, str(magnitude))
    return "*".join(factors)


def _bind_atom(atom: Atom, sizes: Mapping[str, int]) -> int:
    if isinstance(atom, str):
        try:
            return sizes[atom]
        except KeyError:
            known = ", ".join(f"{name}={size}" for name, size in sizes.items())
            raise ShapeError(f"found no size for the dim {atom!r}; known are {known or 'none'}.") from None
    divisor = bind(atom.denominator, sizes)
    if divisor == 0:
        raise ShapeError(f"found {atom} with {atom.denominator} = 0; needed a divisor that is not zero.")
    return bind(atom.numerator, sizes) // divisor


# ----------------------------------------------------------------------------------- polynomials


def _terms(size: Size) -> Iterable[tuple[Monomial, int]]:
    return size.terms if isinstance(size, Dim) else (((), index(size)),)


def _polynomial(terms: Mapping[Monomial, int]) -> Size:
    kept = {monomial: c for monomial, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Dim(tuple(sorted(kept.items(), key=lambda term: [str(atom) for atom in term[0]])))


def _add_multiple(
    total: dict[Monomial, int], terms: Iterable[tuple[Monomial, int]], monomial: Monomial, coefficient: int
) -> None:
    """`total += coefficient * monomial * terms`."""
    for other, c in terms:
        key = tuple(sorted(other + monomial, key=str))
        total[key] = total.get(key, 0) + c * coefficient


def _rank(term: tuple[Monomial, int]) -> tuple[int, list[str]]:
    """A monomial order: total, kept by multiplication, and without infinite descent."""
    return len(term[0]), [str(atom) for atom in term[0]]


def _without(monomial: Monomial, factor: Monomial) -> Monomial | None:
    """The monomial divided by a factor, or None where it is not one."""
    rest = list(monomial)
    for atom in factor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _floor_divide(size: Size, divisor: Size) -> Size:
    """`whole + rest // divisor`, where `size = whole * divisor + rest`; exact for every binding."""
    if divisor == 0:
        raise ShapeError(f"found the division {size} // 0; needed a divisor that is not zero.")
    lead, factor = max(_terms(divisor), key=_rank)
    if factor < 0:
        return _floor_divide(-size, -divisor)
    todo, whole, rest = dict(_terms(size)), dict[Monomial, int](), dict[Monomial, int]()
    while todo:
        monomial, coefficient = max(todo.items(), key=_rank)
        ratio = _without(monomial, lead)
        times, left = (0, coefficient) if ratio is None else divmod(coefficient, factor)
        if ratio is not None and times:
            _add_multiple(todo, _terms(divisor), ratio, -times)
            whole[ratio] = whole.get(ratio, 0) + times
        del todo[monomial]
        if left:
            rest[monomial] = left
    numerator = _polynomial(rest)
    if isinstance(numerator, int) and isinstance(divisor, int):
        return _polynomial(whole) + numerator // divisor
    if numerator == 0:
        return _polynomial(whole)
    return _polynomial(whole) + Dim((((Quotient(numerator, divisor),), 1),))


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes; 1 for none."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def bind(size: Size, sizes: Mapping[str, int]) -> int:
    """The number that a size is when the names have these sizes."""
    return size if isinstance(size, int) else size.bind(sizes)


def names_of(sizes: Iterable[Size]) -> frozenset[str]:
    """All names that occur in some sizes."""
    return frozenset().union(*(size.names() for size in sizes if isinstance(size, Dim)))


def estimate(size: Size) -> int:
    """The size with a hint for every name, for cost comparisons: `SIZE_HINT`, or what `hinting` says."""
    return size if isinstance(size, int) else size.bind(_current.hints)


class _Hints(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return SIZE_HINT


class _Current(threading.local):
    hints: Mapping[str, int] = _Hints()


_current = _Current()


def hint(name: str) -> int:
    """The size that a name is taken at."""
    return _current.hints[name]


@contextmanager
def hinting(hints: Mapping[str, int]) -> Iterator[None]:
    """Let `estimate` take these sizes for their names in the block."""
    outer = _current.hints
    _current.hints = _Hints(hints)
    try:
        yield
    finally:
        _current.hints = outer


def divides(divisor: Size, size: Size) -> bool:
    """Whether `size` is a multiple of `divisor` for every binding, as far as can be decided."""
    if isinstance(size, int) and isinstance(divisor, int):
        return divisor != 0 and size % divisor == 0
    return divisor != 0 and (size // divisor) * divisor == size
