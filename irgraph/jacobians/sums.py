"""Sums of terms as values: what every term shares (ties, gathers) stays structure, the rest is written out.

A gather by the same index in every term is kept: the Jacobian of a bundle stays blocks and their places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..autodiff.emit import Part, total
from ..dims import Size, estimate
from ..local_jacobian import ONE, Coefficient, Dense, Factor, Label, Labels, Pick, Slice, Term
from ..ops.arrange import as_number, scaled
from ..ops.contract import contract
from ..ops.diagonal_blocks import add_diagonal, place_diagonal
from ..ops.networks import volume
from ..ops.tied import ties_within, untied
from ..types import DType
from ..value import Value

MINUS = Coefficient(-1.0)

Tie = tuple[int, int]
"""An axis of the output and an axis of the input that are equal wherever the Jacobian is not zero."""


def ties(term: Term) -> frozenset[Tie]:
    """The axes that a term ties."""
    return frozenset((term.out.index(label), q) for q, label in enumerate(term.in_) if label in term.out)


def common_ties(terms: Iterable[Term]) -> frozenset[Tie]:
    """The axes that all of some terms tie."""
    found = [ties(term) for term in terms]
    return frozenset.intersection(*found) if found else frozenset()


def in_order(labels: Iterable[Label], term: Term) -> Labels:
    """Some labels in the order of the term's outside, others last."""
    place: dict[Label, int] = {}
    for label in (*term.out, *term.in_):
        place.setdefault(label, len(place))
    return Labels(sorted(labels, key=lambda label: place.get(label, len(place))))


def contracted(factors: Iterable[Factor], target: Labels, dtype: DType) -> Value:
    """Some factors as one value of numbers, in the widest of their float dtypes or the one given."""
    factors = list(factors)
    widest = widest_float(factors, dtype)
    return contract([cast(factor, widest) for factor in factors], target, widest)


def widest_float(factors: Iterable[Factor], dtype: DType) -> DType:
    """The widest float dtype among some factors, or the one given where they have none."""
    found = [f.value.dtype for f in factors if isinstance(f, Dense) and f.value.dtype.is_float]
    return max(found, key=lambda each: each.itemsize, default=dtype)


def cast(factor: Factor, dtype: DType) -> Factor:
    """A factor of floats in another float dtype; one that selects, or a link, as it is."""
    if not isinstance(factor, Dense) or factor.value.dtype == dtype or not factor.value.dtype.is_float:
        return factor
    return Dense(factor.value.astype(dtype), factor.labels)


def written_out(
    terms: Sequence[Term], dtype: DType, kept: Iterable[Tie] | None = None
) -> tuple[Value, list[Tie]]:
    """The sum as one value over (axes of the output, axes of the input that are not tied).

    `kept` are the ties to keep; by default all that the terms have in common. `dtype` is that of numbers
    where no factor has one.
    """
    held = sorted(common_ties(terms) if kept is None else kept)
    return _summed([_untied(term, held) for term in terms], held, (), dtype), held


def weighted(factors: Sequence[Factor], target: Labels, coefficient: Coefficient, dtype: DType) -> Part:
    """A product times a coefficient, which goes to the smallest factor; a mere sign is left to the sum."""
    factors, left = scaled_early(factors, target, coefficient)
    sign, size = (-1, MINUS * left) if left.number < 0 else (1, left)
    return sign, scaled(as_number(contracted(factors, target, dtype), dtype), size)


def scaled_early(
    factors: Sequence[Factor], target: Labels, coefficient: Coefficient
) -> tuple[list[Factor], Coefficient]:
    """The smallest factor scaled, if it is small beside the product, and the coefficient that is left."""
    dense = [f for f in factors if isinstance(f, Dense) and f.value.dtype.is_float]
    least = min(dense, key=lambda f: volume(f.labels), default=None)
    if least is None or coefficient in (ONE, MINUS) or 2 * volume(least.labels) > volume(target):
        return list(factors), coefficient
    small = Dense(scaled(least.value, coefficient), least.labels)
    return [small if factor is least else factor for factor in factors], ONE


def _summed(terms: Sequence[Term], held: Sequence[Tie], picked: Collection[int], dtype: DType) -> Value:
    """The sum over the output's axes and those input axes that are neither tied nor picked."""
    widest = widest_float((factor for term in terms for factor in term.factors), dtype)
    tied = {q for _, q in held}
    rows = []
    for term in terms:
        rank = len(term.out)
        target = Labels(
            label
            for n, label in enumerate((*term.out, *term.in_))
            if n not in picked and (n < rank or n - rank not in tied)
        )
        rows.append(_Product(tuple(cast(f, widest) for f in term.factors), target, term.coefficient))
    return _added(rows, widest)


def _untied(term: Term, held: Iterable[Tie]) -> Term:
    """The term with all ties but some written as links."""
    in_, links = list(term.in_), []
    for p, q in sorted(ties(term)):
        if (p, q) not in held:
            in_[q] = Label(in_[q].size)
            links.append(Slice(term.out[p], in_[q]))
    return Term(term.out, Labels(in_), (*term.factors, *links), term.coefficient)


# --------------------------------------------------------------------------- sums of diagonals

Diagonal = tuple[int, int, Size]
"""An axis, the axis along which it runs, and where it starts."""


@dataclass(frozen=True)
class _Product:
    """One summand: factors over the axes of the sum, which every summand has in one order."""

    factors: tuple[Factor, ...]
    target: Labels
    coefficient: Coefficient

    @cached_property
    def diagonals(self) -> dict[Diagonal, Slice]:
        """Of which diagonals it is 0 everywhere else. Each can be placed last."""
        links = ties_within(self.factors, self.target)
        parts = {link.part for link in links}
        at = {label: axis for axis, label in enumerate(self.target)}
        return {(at[k.whole], at[k.part], k.start): k for k in links if k.whole not in parts}

    def on(self, diagonal: Diagonal) -> _Product:
        """What is on a diagonal, over one axis less."""
        link = self.diagonals[diagonal]
        target = Labels(label for label in self.target if label is not link.whole)
        return _Product(tuple(untied(self.factors, link)), target, self.coefficient)


def _added(rows: Sequence[_Product], dtype: DType) -> Value:
    """The sum. What is on a diagonal is summed there, and added where it belongs to the sum of the others, so
    that no summand is larger than it has to be."""
    parts = [weighted(r.factors, r.target, r.coefficient, dtype) for r in rows if not r.diagonals]
    base = total(parts) if parts else None
    rows = [row for row in rows if row.diagonals]
    while rows:
        counts = Counter(diagonal for row in rows for diagonal in row.diagonals)
        shape = [label.size for label in rows[0].target]
        axis, along, start = diagonal = max(counts, key=lambda d: (counts[d], estimate(shape[d[0]])))
        inner = _added([row.on(diagonal) for row in rows if diagonal in row.diagonals], dtype)
        rows = [row for row in rows if diagonal not in row.diagonals]
        if base is None:
            base = place_diagonal(inner, axis, along, shape[axis], start)
        else:
            base = add_diagonal(base, inner, axis, along, start)
    assert base is not None
    return base


# -------------------------------------------------------------------------------- fewer terms

Gather = tuple[Value, tuple[int, ...], int]
"""An index, the outside axes it is read at, and the outside axis it gives."""


def coarsened(terms: Sequence[Term], dtype: DType, growth: float) -> list[Term]:
    """Fewer terms: those that share ties and gathers as one, written out over their other axes, where that
    has at most `growth` times their elements.
    """
    groups: dict[object, list[Term]] = {}
    for term in terms:
        groups.setdefault((ties(term), frozenset(_gathers(term))), []).append(term)
    kept: list[Term] = []
    for group in groups.values():
        kept += [as_one(group, dtype)] if len(group) > 1 and _pays(group, growth) else group
    if len(kept) <= ABOUNDING or (len(kept) <= MOST and not _pays(kept, growth)):
        return kept
    return [as_one(kept, dtype)]


ABOUNDING, MOST = 24, 128
"""More terms are written out as one where they fill it, as shifts of a grid do not; and whatever it takes."""

GROWTH, LEAST_GROWTH = 8, 1.5
"""How many times the elements of its terms the sum of them may have; and where elements count more than
launches, as in a sparse result.
"""


def tidied(terms: Sequence[Term], dtype: DType) -> list[Term]:
    """`coarsened` where the sum has about as many elements as its terms."""
    groups: dict[object, list[Term]] = {}
    for term in terms:
        groups.setdefault((ties(term), frozenset(_gathers(term))), []).append(term)
    found: list[Term] = []
    for group in groups.values():
        found += [as_one(group, dtype)] if len(group) > 1 and _pays(group, LEAST_GROWTH) else group
    return found


def _pays(terms: Sequence[Term], growth: float) -> bool:
    """Whether the sum of some terms has not many more elements than they have."""
    picked = set.intersection(*(set(_gathers(term).values()) for term in terms))
    gone = {q for _, q in common_ties(terms)}, picked
    first = terms[0]
    outside = [
        label
        for n, label in enumerate((*first.out, *first.in_))
        if n - len(first.out) not in gone[0] and n not in gone[1]
    ]
    return volume(outside) <= growth * sum(map(elements, terms))


def elements(term: Term) -> int:
    """How many elements a term has, its factors multiplied."""
    return volume({label for f in term.factors if isinstance(f, Dense) for label in f.labels})


def _gathers(term: Term) -> dict[Gather, int]:
    """The gathers between axes outside whose result nothing else reads, and the axes they give."""
    numbers = {label: n for n, label in reversed(list(enumerate((*term.out, *term.in_))))}
    found: dict[Gather, int] = {}
    for factor in term.factors:
        if isinstance(factor, Pick) and all(label in numbers for label in (*factor.at, factor.whole)):
            others = [f for f in term.factors if f is not factor and factor.whole in f.labels]
            tied = factor.whole in term.out and factor.whole in term.in_
            if not others and not tied:
                at = tuple(numbers[label] for label in factor.at)
                found[factor.index, at, numbers[factor.whole]] = numbers[factor.whole]
    return found


def as_one(terms: Sequence[Term], dtype: DType) -> Term:
    """One term in place of many, with the ties and gathers that all of them have."""
    held = sorted(common_ties(terms))
    shared = set.intersection(*(set(_gathers(term)) for term in terms))
    bare = [_untied(_without_gathers(term, shared), held) for term in terms]
    picked = {whole for _, _, whole in shared}
    value = _summed(bare, held, picked, dtype)
    out = Labels(Label(label.size) for label in terms[0].out)
    tied = {q: out[p] for p, q in held}
    in_ = Labels(tied.get(q) or Label(label.size) for q, label in enumerate(terms[0].in_))
    outside = (*out, *in_)
    kept = [
        label
        for n, label in enumerate(outside)
        if n not in picked and (n < len(out) or n - len(out) not in tied)
    ]
    links = [Pick(index, Labels(outside[n] for n in at), outside[whole]) for index, at, whole in shared]
    return Term(out, in_, (Dense(value, Labels(kept)), *links))


def _without_gathers(term: Term, shared: Collection[Gather]) -> Term:
    numbers = {label: n for n, label in reversed(list(enumerate((*term.out, *term.in_))))}

    def is_shared(factor: Factor) -> bool:
        if not isinstance(factor, Pick) or not all(label in numbers for label in factor.labels):
            return False
        at = tuple(numbers[label] for label in factor.at)
        return (factor.index, at, numbers[factor.whole]) in shared

    factors = tuple(factor for factor in term.factors if not is_shared(factor))
    return Term(term.out, term.in_, factors, term.coefficient)
