"""Products and sums of local Jacobians, as nodes only where a sum over a label is due.

A product of two sums of terms composes each with each. Labels that are summed are contracted at once; what
is only multiplied waits, since a later sum may multiply a smaller operand. So a diagonal costs nothing
until a matrix is met, and a product of low rank stays factored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..autodiff.emit import total
from ..local_jacobian import (
    ONE,
    Coefficient,
    Dense,
    Factor,
    Label,
    Labels,
    Map,
    Pick,
    Ravel,
    Slice,
    Term,
    Terms,
)
from ..ops.arrange import reshaped
from ..ops.contract import distinct
from ..ops.networks import volume
from ..types import DType
from .links import determined, linked, renamed, simplified
from .sums import GROWTH, cast, coarsened, contracted, in_order, scaled_early, weighted, widest_float

MANY = 6
"""Terms in one sum that are left apart; more are added up under the structure they share."""


def product(outer: Terms, inner: Terms, dtype: DType, growth: float = GROWTH) -> Terms:
    """The terms of `outer · inner`. `dtype` is that of numbers where no factor has one, `growth` as in
    `coarsened`.
    """
    made = []
    for a in outer:
        for b in inner:
            term = linked(a, b)
            if term is not None:
                made.append(settled(term, dtype))
    return added(made, dtype, growth)


def settled(term: Term, dtype: DType) -> Term:
    """The term with every sum carried out that dense factors take part in."""
    term = _without_units(term)
    term = Term(term.out, term.in_, tuple(distinct(term.factors)), term.coefficient)
    known = determined(term)
    summed = {label for factor in term.factors for label in factor.labels} - known
    if not summed:
        return term
    waiting = list(term.factors)
    kept: list[Factor] = [factor for factor in waiting if summed.isdisjoint(factor.labels)]
    coefficient = term.coefficient
    waiting = [factor for factor in waiting if not summed.isdisjoint(factor.labels)]
    while waiting:
        group = _connected(waiting, summed)
        waiting = [factor for factor in waiting if not any(factor is each for each in group)]
        if not any(isinstance(factor, Dense) for factor in group):
            kept += group
            continue
        near = dict.fromkeys(label for factor in group for label in factor.labels)
        target = in_order((label for label in near if label not in summed), term)
        early = _absorbed(kept, group, target)
        group += early
        kept = [factor for factor in kept if not any(factor is each for each in early)]
        group, coefficient = scaled_early(group, target, coefficient)
        kept.append(Dense(contracted(group, target, dtype), target))
    found = Term(term.out, term.in_, tuple(kept), coefficient)
    return simplified(found) or found


def _absorbed(waiting: Sequence[Factor], group: Sequence[Factor], target: Labels) -> list[Factor]:
    """Factors that wait, but scale an operand that is small beside the product: they scale that one now."""
    small = [f for f in group if isinstance(f, Dense) and 2 * volume(f.labels) <= volume(target)]
    return [
        factor
        for factor in waiting
        if isinstance(factor, Dense) and any(set(factor.labels) <= set(f.labels) for f in small)
    ]


def _without_units(term: Term) -> Term:
    """Inner labels of size 1 are no axes, unless a link places them."""
    kept = {*term.out, *term.in_}.union(*(f.labels for f in term.factors if not isinstance(f, Dense)))
    if all(label.size != 1 or label in kept for factor in term.factors for label in factor.labels):
        return term
    factors = tuple(_squeezed(f, kept) if isinstance(f, Dense) else f for f in term.factors)
    return Term(term.out, term.in_, factors, term.coefficient)


def _squeezed(factor: Dense, kept: set[Label]) -> Dense:
    labels = Labels(label for label in factor.labels if label.size != 1 or label in kept)
    return Dense(reshaped(factor.value, [label.size for label in labels]), labels)


def _connected(factors: Sequence[Factor], through: set[Label]) -> list[Factor]:
    """The first factor and all that summed labels connect it with."""
    group, reached = [factors[0]], through.intersection(factors[0].labels)
    rest = list(factors[1:])
    while found := [factor for factor in rest if not reached.isdisjoint(factor.labels)]:
        group += found
        rest = [factor for factor in rest if not any(factor is each for each in found)]
        reached |= {label for factor in found for label in factor.labels} & through
    return group


# --------------------------------------------------------------------------------------- sums


def added(terms: Iterable[Term], dtype: DType, growth: float = GROWTH) -> Terms:
    """The sum, with terms of equal structure made one."""
    groups: dict[object, list[Term]] = {}
    for term in terms:
        groups.setdefault(_structure(term), []).append(term)
    found = [each for group in groups.values() for each in _merged(group, dtype)]
    return Terms(found if len(found) <= MANY else coarsened(found, dtype, growth))


def _structure(term: Term) -> object:
    """What must be equal for terms to be added: ties, links, and the labels that factors cover."""
    names = _names(term)
    links = frozenset(_link_key(factor, names) for factor in term.factors if not isinstance(factor, Dense))
    cover = frozenset(
        names[label] for f in term.factors if isinstance(f, Dense) for label in f.labels if label.size != 1
    )
    return tuple(names[label] for label in term.in_), links, cover


def _names(term: Term) -> dict[Label, int]:
    """A number for each label: by its place outside, then in order of appearance in links."""
    names: dict[Label, int] = {}
    links = (label for f in term.factors if not isinstance(f, Dense) for label in f.labels)
    dense = (label for f in term.factors if isinstance(f, Dense) for label in f.labels)
    for label in (*term.out, *term.in_, *links, *dense):
        names.setdefault(label, len(names))
    return names


def _link_key(factor: Factor, names: dict[Label, int]) -> object:
    at = tuple((names[label], label.size) for label in factor.labels)
    match factor:
        case Slice(_, _, start, step):
            return "slice", at, start, step
        case Ravel(left, _):
            return "ravel", at, len(left)
        case Pick(index, _, _):
            return "pick", at, index
        case Map(push, _, left, _, over):
            return "map", at, push, len(left), len(over)
    raise AssertionError("a dense factor is no link")


def _merged(terms: list[Term], dtype: DType) -> list[Term]:
    """Terms of one structure as one; products of low rank stay apart while that is smaller."""
    if len(terms) == 1:
        return terms
    first, names = terms[0], _names(terms[0])
    by_name = {name: label for label, name in names.items()}
    alike = [first]
    for term in terms[1:]:
        mine = _names(term)
        alike.append(renamed(term, {label: by_name.get(name, label) for label, name in mine.items()}))
    dense = [tuple(f for f in term.factors if isinstance(f, Dense)) for term in alike]
    links = tuple(f for f in first.factors if not isinstance(f, Dense))
    if all(_equal(dense[0], each) for each in dense[1:]) and _like(alike):
        number = sum(term.coefficient.number for term in alike)
        coefficient = Coefficient(number, first.coefficient.times, first.coefficient.over)
        return [Term(first.out, first.in_, first.factors, coefficient)] if number else []
    if not dense[0] or _stays_factored(dense):
        return terms
    shared, rests = _shared(dense)
    return [Term(first.out, first.in_, (*links, *shared, _sum(alike, rests, dtype)), ONE)]


def _like(terms: Sequence[Term]) -> bool:
    """Whether coefficients differ in their number only."""
    return len({(term.coefficient.times, term.coefficient.over) for term in terms}) == 1


def _same(a: Dense, b: Dense) -> bool:
    return a.value is b.value and a.labels == b.labels


def _shared(dense: Sequence[Sequence[Dense]]) -> tuple[list[Dense], list[list[Dense]]]:
    """The factors that all have, each as often as all have it, and what each has beside them."""
    shared, rests = [], [list(each) for each in dense]
    for factor in dense[0]:
        found = [next((n for n, f in enumerate(rest) if _same(f, factor)), None) for rest in rests]
        if None not in found:
            shared.append(factor)
            for rest, place in zip(rests, found, strict=True):
                del rest[place]  # type: ignore[arg-type]  # each has one
    return shared, rests


def _equal(a: Sequence[Dense], b: Sequence[Dense]) -> bool:
    return not any(_shared([a, b])[1])


def _stays_factored(dense: Sequence[Sequence[Dense]]) -> bool:
    if len(dense) > MANY or any(len(each) < 2 for each in dense):
        return False
    whole = volume(label for label in {label for f in dense[0] for label in f.labels})
    return 2 * sum(volume(f.labels) for each in dense for f in each) < whole


def _sum(terms: Sequence[Term], rests: Sequence[Sequence[Dense]], dtype: DType) -> Dense:
    """The dense parts of some terms of one structure, added over the labels that any of them has."""
    labels = in_order({label for rest in rests for f in rest for label in f.labels}, terms[0])
    widest = widest_float((factor for rest in rests for factor in rest), dtype)
    parts = [
        weighted([cast(f, widest) for f in rest], labels, term.coefficient, widest)
        for term, rest in zip(terms, rests, strict=True)
    ]
    return Dense(total(parts), labels)
