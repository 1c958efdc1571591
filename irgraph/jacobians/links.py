"""Structure of composed terms: what their 0/1 links determine, and rules by which links meet.

Links are index functions. A label that the outside labels determine through links is not summed: there is at
most one position of it that counts. So `placed` blocks, gathered rows and reshaped diagonals stay symbolic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from ..dims import Size
from ..local_jacobian import (
    Coefficient,
    Dense,
    Factor,
    Label,
    Labels,
    Link,
    Pick,
    Ravel,
    Slice,
    Term,
    compose,
)
from ..ops import slicing
from ..ops.arrange import permuted, reshaped
from ..ops.constants import scaled_unit
from ..ops.contract import contract
from ..ops.diagonal_blocks import take_diagonal
from ..value import Value


def determined(term: Term) -> set[Label]:
    """The labels outside, and those that the links determine from them."""
    known = {*term.out, *term.in_}
    links = [factor for factor in term.factors if not isinstance(factor, Dense)]
    grown = bool(links)
    while grown:
        before = len(known)
        for link in links:
            match link:
                case Slice(part, whole):
                    if part in known or whole in known:
                        known |= {part, whole}
                case Ravel(left, right):
                    if known.issuperset(left) or known.issuperset(right):
                        known.update(left, right)
                case Pick(_, at, whole):
                    if known.issuperset(at):
                        known.add(whole)
        grown = len(known) > before
    return known


def linked(outer: Term, inner: Term) -> Term | None:
    """`compose`, with links that meet simplified. None: the product is zero."""
    return simplified(compose(outer, inner))


def simplified(term: Term) -> Term | None:
    """The term with links joined where they meet. None: it is zero."""
    while any(not isinstance(factor, Dense) for factor in term.factors):
        found = _step(term)
        if found is None or found is term:
            return found
        term = found
    return term


def _step(term: Term) -> Term | None:
    """One rule applied; the term itself where none fits; None for zero."""
    links = [factor for factor in term.factors if not isinstance(factor, Dense)]
    for link in links:
        found = _unified(term, link)
        if found is not None:
            return found
    for one, other in itertools.combinations(links, 2):
        if isinstance(one, Slice) and isinstance(other, Slice) and _disjoint(one, other):
            return None
        for first, second in ((one, other), (other, one)):
            found = _joined(term, first, second)
            if found is not None:
                return found
    for link in links:
        found = _transported(term, link)
        if found is not None:
            return found
    return term


def _unified(term: Term, link: Link) -> Term | None:
    """A link that is the identity makes its two labels one."""
    match link:
        case Slice(part, whole, start, 1) if start == 0 and part.size == whole.size:
            pairs = [(part, whole)]
        case Ravel(left, right) if [a.size for a in left] == [b.size for b in right]:
            pairs = list(zip(left, right, strict=True))
        case _:
            return None
    return _all_as_one(without(term, link), pairs)


def _all_as_one(term: Term, pairs: Iterable[tuple[Label, Label]]) -> Term | None:
    """Every two labels as one. None: not all can be."""
    for a, b in pairs:
        merged = _as_one(term, a, b)
        if merged is None:
            return None
        term = merged
    return term


def _as_one(term: Term, a: Label, b: Label) -> Term | None:
    """Two labels that are equal wherever the term is not zero, as one. None: each is an axis of its own on
    one side, or of one link."""
    if a is b:
        return term
    if any(_links_both(factor, a, b) for factor in term.factors):
        return None
    for side in (term.out, term.in_):
        if a in side and b in side:
            return None
    gone, kept = (a, b) if b in term.out else (b, a)
    return renamed(term, {gone: kept})


def _links_both(factor: Factor, a: Label, b: Label) -> bool:
    """Whether both are axes of a factor of which no diagonal can be taken."""
    if isinstance(factor, Dense) or (isinstance(factor, Pick) and factor.whole not in (a, b)):
        return False
    return a in factor.labels and b in factor.labels


def _with_diagonals(factor: Factor) -> Factor:
    """A factor whose axes have a label each: of two with one label the diagonal is taken."""
    if isinstance(factor, Dense | Pick):
        value, at = _content(factor)
        for label in dict.fromkeys(at):
            while at.count(label) > 1:
                one = at.index(label)
                other = at.index(label, one + 1)
                value = take_diagonal(value, other, one)
                at = at.drop([other])
        return _with(factor, value, at)
    return factor


def renamed(term: Term, names: dict[Label, Label]) -> Term:
    """The term with labels replaced, outside as well."""

    def rename(label: Label) -> Label:
        return names.get(label, label)

    factors = tuple(_with_diagonals(factor.rename(rename)) for factor in term.factors)
    return Term(Labels(map(rename, term.out)), Labels(map(rename, term.in_)), factors, term.coefficient)


def without(term: Term, *gone: Factor, plus: Iterable[Factor] = ()) -> Term:
    """The term with factors exchanged."""
    kept = tuple(factor for factor in term.factors if not any(factor is each for each in gone))
    return Term(term.out, term.in_, (*kept, *plus), term.coefficient)


def _inner(term: Term, labels: Iterable[Label], *but: Factor) -> bool:
    """Whether none of the labels is outside or in any other factor."""
    wanted = set(labels)
    if not wanted.isdisjoint(term.out) or not wanted.isdisjoint(term.in_):
        return False
    others = (factor for factor in term.factors if not any(factor is each for each in but))
    return all(wanted.isdisjoint(factor.labels) for factor in others)


def _disjoint(one: Slice, other: Slice) -> bool:
    """Whether two slices of one whole have no position in common, as far as is known."""
    if one.whole is not other.whole:
        return False
    a, b = _range(one), _range(other)
    if a is None or b is None:
        return _known_below(one, other) or _known_below(other, one)
    if not a or not b or max(a[0], a[-1]) < min(b[0], b[-1]) or max(b[0], b[-1]) < min(a[0], a[-1]):
        return True
    return len(a) + len(b) < 10_000 and set(a).isdisjoint(b)


def _range(link: Slice) -> range | None:
    if not isinstance(link.start, int) or not isinstance(link.part.size, int):
        return None
    return range(link.start, link.start + link.step * link.part.size, link.step)


def _known_below(low: Slice, high: Slice) -> bool:
    """Whether named sizes show that one slice ends where the other starts."""
    if low.step < 0 or high.step < 0:
        return False
    gap: Size = high.start - (low.start + low.step * low.part.size)
    return isinstance(gap, int) and gap >= 0


def _joined(term: Term, first: Link, second: Link) -> Term | None:
    """Two links that meet at an inner label as one; None: no rule."""
    match first, second:
        case Slice(part, middle), Slice(also, whole, start, step) if middle is also:
            if _inner(term, [middle], first, second):
                link = Slice(part, whole, start + step * first.start, step * first.step)
                return without(term, first, second, plus=[link])
        case Slice(a, whole, start, step), Slice(b, same, begin, by) if whole is same and a is not b:
            if start == begin and step == by and a.size == b.size:
                return _as_one(without(term, second), b, a)
        case Ravel(), Ravel():
            return _ravels(term, first, second)
        case Slice(part, whole, start, step), Pick(index, at, picked) if picked is part:
            if _inner(term, [part], first, second):
                shifted = index if step == 1 else index * step
                shifted = (
                    shifted if start == 0 else shifted + scaled_unit(Coefficient(times=start), index.dtype)
                )
                return without(term, first, second, plus=[Pick(shifted, at, whole)])
        case Pick(index, at, a), Pick(other, also, b) if index is other and at == also and a is not b:
            return _as_one(without(term, second), b, a)
        case Pick(index, at, a), Pick(other, also, whole) if a in also and a is not whole:
            if _inner(term, [a], first, second):
                rest = Labels(label for label in also if label is not a)
                target = Labels((*at, *(label for label in rest if label not in at)))
                value = contract([Dense(other, also), first], target, other.dtype)
                return without(term, first, second, plus=[Pick(value, target, whole)])
    return None


def _ravels(term: Term, first: Ravel, second: Ravel) -> Term | None:
    for a, b in ((first.left, first.right), (first.right, first.left)):
        for c, d in ((second.left, second.right), (second.right, second.left)):
            if a != c or b == d:
                continue
            if _inner(term, a, first, second):
                return without(term, first, second, plus=[Ravel(b, d)])
            if [label.size for label in b] == [label.size for label in d]:
                return _all_as_one(without(term, second), zip(b, d, strict=True))
    return None


def _transported(term: Term, link: Link) -> Term | None:
    """What stands on the far side of a link, moved to the near one, if nothing else is there."""
    match link:
        case Slice(part, whole, start, step):
            users = _users(term, [whole], link)
            if users and all(_reads(f, whole) and part not in f.labels for f in users):
                moved = [_sliced(user, part, whole, start, step) for user in users]
                return without(term, link, *users, plus=moved)
        case Ravel(left, right):
            for near, far in ((left, right), (right, left)):
                users = _users(term, far, link)
                readable = all(_reads(f, *far) and not set(near) & set(f.labels) for f in users)
                if users and readable:
                    moved = [_reshaped(user, near, far) for user in users]
                    return without(term, link, *users, plus=moved)
    return None


def _users(term: Term, labels: Iterable[Label], link: Link) -> list[Factor]:
    """The other factors with any of some labels; none where one of the labels is outside."""
    wanted = set(labels)
    if not wanted.isdisjoint(term.out) or not wanted.isdisjoint(term.in_):
        return []
    return [f for f in term.factors if f is not link and not wanted.isdisjoint(f.labels)]


def _reads(factor: Factor, *labels: Label) -> bool:
    """Whether a factor is a value that has all of some labels as its axes."""
    if not isinstance(factor, Dense | Pick):
        return False
    axes = factor.at if isinstance(factor, Pick) else factor.labels
    if isinstance(factor, Pick) and factor.whole in labels:
        return False
    return all(label in axes for label in labels)


def _sliced(user: Factor, part: Label, whole: Label, start: Size, step: int) -> Factor:
    value, at = _content(user)
    labels = Labels(part if label is whole else label for label in at)
    starts = tuple(start if label is whole else 0 for label in at)
    steps = tuple(step if label is whole else 1 for label in at)
    return _with(user, slicing.Slice(starts, steps, tuple(label.size for label in labels))(value), labels)


def _reshaped(user: Factor, near: Labels, far: Labels) -> Factor:
    value, at = _content(user)
    rest = [label for label in at if label not in far]
    order = [at.index(label) for label in (*rest, *far)]
    labels = Labels((*rest, *near))
    return _with(user, reshaped(permuted(value, order), [label.size for label in labels]), labels)


def _content(user: Factor) -> tuple[Value, Labels]:
    if isinstance(user, Pick):
        return user.index, user.at
    assert isinstance(user, Dense)
    return user.value, user.labels


def _with(user: Factor, value: Value, labels: Labels) -> Factor:
    return Pick(value, labels, user.whole) if isinstance(user, Pick) else Dense(value, labels)
