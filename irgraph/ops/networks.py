"""A network of labelled factors that is being contracted: its operands, and how they follow its links.

`contract` has the rules by which the steps are chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from ..dims import estimate, product
from ..local_jacobian import Coefficient, Dense, Factor, Label, Labels, Link, Map, Pick, Ravel, Slice
from ..types import DType
from ..value import Value
from . import slicing
from .arrange import arranged, as_number, permuted, reshaped, summed, times
from .comparison import equal
from .constants import arange, scaled_unit
from .diagonal_blocks import take_diagonal
from .indexing import Gather, ScatterAdd


def volume(labels: Iterable[Label]) -> int:
    """The estimated number of positions of some labels."""
    return estimate(product(label.size for label in labels))


class Network:
    """Operands and links that are still to be joined."""

    def __init__(self, factors: Iterable[Factor], target: Labels, dtype: DType) -> None:
        self.operands: list[Dense] = []
        self.links: list[Link] = []
        for factor in factors:
            if isinstance(factor, Dense):
                self.operands.append(factor)
            else:
                self.links.append(factor)
        self.target = target
        self.dtype = dtype

    def _needed(self, label: Label, *but: Factor) -> bool:
        if label in self.target:
            return True
        return any(
            label in factor.labels
            for factor in (*self.operands, *self.links)
            if not any(factor is excluded for excluded in but)
        )

    def _replace(self, old: Dense, new: Dense, used: Sequence[Link] = ()) -> bool:
        self.operands = [new if operand is old else operand for operand in self.operands]
        self.links = [link for link in self.links if not any(link is u for u in used)]
        return True

    def _sum_dead(self) -> bool:
        for operand in self.operands:
            dead = [
                a for a, lb in enumerate(operand.labels) if lb.size != 1 and not self._needed(lb, operand)
            ]
            if dead:
                value = summed(as_number(operand.value, self.dtype), dead)
                rest = Labels(lb for a, lb in enumerate(operand.labels) if a not in dead)
                return self._replace(operand, Dense(value, rest))
        return False

    # ---------------------------------------------------------------------------------- links

    def _follow(self, grow: bool) -> bool:
        for operand in self.operands:
            for link in self.links:
                match link:
                    case Slice():
                        done = self._follow_slices(operand, grow) or self._take_diagonal(operand, link)
                    case Ravel():
                        done = not grow and self._follow_ravel(operand, link)
                    case Map():
                        done = self._follow_map(operand, link)
                    case Pick():
                        done = self._scatter(operand, link) if grow else self._gather(operand, link)
                if done:
                    return True
        return False

    def _follow_slices(self, operand: Dense, grow: bool) -> bool:
        """Take the parts (or pad to the wholes) of all axes that slices allow, at once."""
        at: dict[Label, Slice] = {}
        taken = set(operand.labels)  # two parts of one whole can't both become it
        for link in self.links:
            if isinstance(link, Slice):
                near, far = (link.part, link.whole) if grow else (link.whole, link.part)
                if near in operand.labels and far not in taken and not self._needed(near, operand, link):
                    at[near] = link
                    taken.add(far)
        if not at:
            return False
        links = [at.get(label) for label in operand.labels]
        labels = Labels(
            label if link is None else link.whole if grow else link.part
            for label, link in zip(operand.labels, links, strict=True)
        )
        starts = tuple(0 if link is None else link.start for link in links)
        steps = tuple(1 if link is None else link.step for link in links)
        shape = tuple(label.size for label in labels)
        x = as_number(operand.value, self.dtype)
        value = slicing.Pad(starts, steps, shape)(x) if grow else slicing.Slice(starts, steps, shape)(x)
        return self._replace(operand, Dense(value, labels), list(at.values()))

    def _take_diagonal(self, operand: Dense, link: Slice) -> bool:
        """An operand with both labels of a link, without the second; the link stays where that is needed."""
        at = operand.labels
        if link.step != 1 or link.part not in at or link.whole not in at or link.part is link.whole:
            return False
        axis = at.index(link.whole)
        value = take_diagonal(operand.value, axis, at.index(link.part), link.start)
        used = [] if self._needed(link.whole, operand, link) else [link]
        return self._replace(operand, Dense(value, at.drop([axis])), used)

    def _follow_ravel(self, operand: Dense, link: Ravel) -> bool:
        for here, there in ((link.left, link.right), (link.right, link.left)):
            if self._crosses(operand, link, here, there):
                have = list(operand.labels)
                first = min((have.index(label) for label in here), default=0)
                before = [label for label in have[:first] if label not in here]
                after = [label for label in have[first:] if label not in here]
                order = [have.index(label) for label in (*before, *here, *after)]
                labels = Labels((*before, *there, *after))
                value = reshaped(permuted(operand.value, order), [label.size for label in labels])
                return self._replace(operand, Dense(value, labels), [link])
        return False

    def _follow_map(self, operand: Dense, link: Map) -> bool:
        for move, here, there in ((link.push, link.right, link.left), (link.pull, link.left, link.right)):
            if self._crosses(operand, link, here, there):
                lead = [label for label in operand.labels if label not in (*here, *link.over)]
                ahead = (*lead, *link.over)
                x = arranged(as_number(operand.value, self.dtype), operand.labels, (*ahead, *here))
                return self._replace(operand, Dense(move(x, len(lead)), Labels((*ahead, *there))), [link])
        return False

    def _crosses(self, operand: Dense, link: Link, here: Labels, there: Labels) -> bool:
        """Whether the operand has all of one side, none of the other, and nobody else needs the first."""
        return (
            all(label in operand.labels for label in here)
            and not any(label in operand.labels for label in there)
            and not any(self._needed(label, operand, link) for label in here)
        )

    def _gather(self, operand: Dense, link: Pick) -> bool:
        have = list(operand.labels)
        if link.whole not in have or self._needed(link.whole, operand, link):
            return False
        batch = [label for label in link.at if label in have]
        fresh = [label for label in link.at if label not in have]
        order = batch + [label for label in have if label not in batch]
        value = permuted(operand.value, [have.index(label) for label in order])
        index = permuted(link.index, [link.at.index(label) for label in batch + fresh])
        axis = order.index(link.whole)
        labels = Labels((*order[:axis], *fresh, *order[axis + 1 :]))
        return self._replace(operand, Dense(Gather(axis, len(batch))(value, index), labels), [link])

    def _scatter(self, operand: Dense, link: Pick) -> bool:
        have = list(operand.labels)
        if link.whole in have or not all(label in have for label in link.at):
            return False
        batch = [label for label in link.at if self._needed(label, operand, link)]
        ends = [label for label in link.at if label not in batch]
        rest = [label for label in have if label not in link.at]
        first = min((have.index(label) for label in ends), default=0)
        before = [label for label in have[:first] if label in rest]
        after = [label for label in rest if label not in before]
        order = (*batch, *before, *ends, *after)
        updates = permuted(as_number(operand.value, self.dtype), [have.index(label) for label in order])
        index = permuted(link.index, [link.at.index(label) for label in (*batch, *ends)])
        op = ScatterAdd(len(batch) + len(before), link.whole.size, len(batch))
        return self._replace(
            operand, Dense(op(updates, index), Labels((*batch, *before, link.whole, *after))), [link]
        )

    def _join_picks(self) -> bool:
        """Two indices over the same summed axes as one, into the product of what they point into."""
        picks = [link for link in self.links if isinstance(link, Pick)]
        for a, b in itertools.combinations(picks, 2):
            if set(a.at) != set(b.at) or a.whole is b.whole:
                continue
            holders = [x for x in self.operands if not set(x.labels).isdisjoint(a.at)]
            if len(holders) != 1 or any(self._needed(label, *holders, a, b) for label in a.at):
                continue
            if a.whole in holders[0].labels or b.whole in holders[0].labels:
                continue
            whole = Label(a.whole.size * b.whole.size)
            other = permuted(b.index, [b.at.index(label) for label in a.at])
            rows = times(a.index, scaled_unit(Coefficient(times=b.whole.size), a.index.dtype))
            kept = [link for link in self.links if link is not a and link is not b]
            joint = Pick(rows + other.astype(a.index.dtype), a.at, whole)
            self.links = [*kept, joint, Ravel(Labels((whole,)), Labels((a.whole, b.whole)))]
            return True
        return False

    def _densify(self, link: Link) -> Dense:
        """The link as an array of zeros and ones (or the matrix of a map)."""
        if isinstance(link, Map):
            return self._matrix(link)
        if isinstance(link, Ravel):
            eye = _eye(product(label.size for label in link.left), self.dtype)
            return Dense(reshaped(eye, [label.size for label in link.labels]), link.labels)
        eye = _eye(link.whole.size, self.dtype)
        if isinstance(link, Slice):
            shape = tuple(label.size for label in link.labels)
            return Dense(slicing.Slice((link.start, 0), (link.step, 1), shape)(eye), link.labels)
        return Dense(Gather(0)(eye, link.index), link.labels)

    def _matrix(self, link: Map) -> Dense:
        """The matrix of a map, from its narrower side."""
        move, near, far = link.push, link.right, link.left
        if volume(far) < volume(near):
            move, near, far = link.pull, far, near
        sizes = [label.size for label in near]
        count = Label(product(sizes))
        eye = reshaped(_eye(count.size, self.dtype), [count.size, *sizes])
        x = arranged(eye, (count, *near), (count, *link.over, *near))
        moved = permuted(move(x, 1), [*range(1, 1 + len(link.over) + len(far)), 0])
        labels = Labels((*link.over, *far, *near))
        return Dense(reshaped(moved, [label.size for label in labels]), labels)


def _eye(size: object, dtype: DType) -> Value:
    rows = arange(size)  # type: ignore[arg-type]  # a size
    return equal(reshaped(rows, (size, 1)), rows).astype(dtype)  # type: ignore[arg-type]
