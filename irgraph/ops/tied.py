"""Labels of a target that links tie to others of it: a product is computed without them and placed after.

A link of step 1 between two labels of the target says that the result is a diagonal of them, 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..local_jacobian import Dense, Factor, Label, Labels, Slice
from ..value import Value
from . import slicing
from .diagonal_blocks import place_diagonal, take_diagonal


def ties_within(factors: Iterable[Factor], target: Sequence[Label]) -> list[Slice]:
    """Links by which labels of the target determine others of it, each of which is `whole` in one link.

    `untied` can take them in this order: no `whole` is a label of a later link.
    """
    inside = {*target}
    waiting = [
        f
        for f in factors
        if isinstance(f, Slice) and f.step == 1 and f.part is not f.whole and {f.part, f.whole} <= inside
    ]
    found: list[Slice] = []
    while waiting:
        parts = {link.part for link in waiting}
        link = next((each for each in waiting if each.whole not in parts), None)
        if link is None:
            break  # a circle: each determines the other
        found.append(link)
        waiting = [each for each in waiting if each.whole is not link.whole]
    return found


def untied(factors: Sequence[Factor], link: Slice) -> list[Factor]:
    """What is left of some factors where `link` holds, without its label `whole`.

    Where a factor that is not dense has that label, the link stays, and has to be summed over it.
    """
    rest = [factor for factor in factors if factor is not link]
    moved = [_on_part(factor, link) for factor in rest]
    return [*moved, link] if any(link.whole in factor.labels for factor in moved) else moved


def _on_part(factor: Factor, link: Slice) -> Factor:
    """A dense factor at the positions of `part` in place of those of `whole`; others as they are."""
    if not isinstance(factor, Dense) or link.whole not in factor.labels:
        return factor
    at = factor.labels
    axis = at.index(link.whole)
    if link.part in at:
        value = take_diagonal(factor.value, axis, at.index(link.part), link.start)
        return Dense(value, at.drop([axis]))
    labels = Labels(link.part if label is link.whole else label for label in at)
    if (link.start, link.part.size) == (0, link.whole.size):
        return Dense(factor.value, labels)
    starts = tuple(link.start if label is link.whole else 0 for label in at)
    shape = tuple(label.size for label in labels)
    return Dense(slicing.Slice(starts, (1,) * len(at), shape)(factor.value), labels)


def placed(value: Value, labels: Sequence[Label], links: Sequence[Slice], target: Sequence[Label]) -> Value:
    """A value over some labels of the target, in its order, with those that links add."""
    have = {*labels}
    for link in reversed(links):
        have.add(link.whole)
        order = [label for label in target if label in have]
        axis, along = order.index(link.whole), order.index(link.part)
        value = place_diagonal(value, axis, along, link.whole.size, link.start)
    return value
