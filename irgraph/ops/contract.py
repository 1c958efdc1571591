"""Contracting a small network of labelled factors into plain nodes: derivatives and einsum are written by it.

This is the one hard room. The rules, in order of preference:

1. sum away labels that nothing else needs;
2. follow links that shrink a value or are bijections (slice, reshape, gather, a linear map);
3. join the cheapest pair that shares a label: a product, or a matmul where labels are summed;
4. follow links that grow a value (pad, scatter_add);
5. outer products;
6. as a last resort write a link out as a matrix of zeros and ones.

Labels that a link ties to others of the target are left out before and placed on a diagonal after.

Its law, in the tests: densify everything and compare with numpy.einsum.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..dims import estimate, product
from ..local_jacobian import Coefficient, Dense, Factor, Label, Labels, Link, Map, Pick, Ravel, Slice
from ..types import DType, TensorType, bool_
from ..value import Value
from . import slicing
from .arrange import arranged, as_number, grouped, permuted, repeated, reshaped, summed, thin, times
from .comparison import equal
from .constants import Full, arange, scaled_unit
from .diagonal_blocks import take_diagonal
from .indexing import Gather, ScatterAdd
from .matmul import Matmul
from .tied import placed, ties_within, untied

WIDE = 16
"""Columns that make one product for each position of a batch as good as one for the whole batch."""


def contract(factors: Iterable[Factor], target: Labels, dtype: DType) -> Value:
    """The value `out[target] = sum over all other labels of prod(factors)`."""
    factors = list(factors)
    links = ties_within(factors, target)
    for link in links:
        factors = untied(factors, link)
    gone = {link.whole for link in links}
    inner = Labels(label for label in target if label not in gone)
    return placed(_Network(factors, inner, dtype).contract(), inner, links, target)


def volume(labels: Iterable[Label]) -> int:
    """The estimated number of positions of some labels."""
    return estimate(product(label.size for label in labels))


class _Network:
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

    def contract(self) -> Value:
        while self._step():
            pass
        if not self.operands:
            return Full(1.0, TensorType(self.dtype, tuple(label.size for label in self.target)))()
        (last,) = self.operands
        return arranged(as_number(last.value, self.dtype), last.labels, self.target)

    def _step(self) -> bool:
        if self._sum_dead() or self._follow(grow=False) or self._scatter_to_meet():
            return True
        if self._pair(outer=False) or self._join_picks() or self._follow(grow=True):
            return True
        if len(self.operands) > 1:
            return self._pair(outer=True)
        if self.links:
            self.operands.append(self._densify(self.links.pop()))
            return True
        return False

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

    def _scatter_to_meet(self) -> bool:
        """Scatter what then meets another operand where it goes, if that is less than any pair."""
        least = min((volume({*a.labels, *b.labels}) for a, b in self._sharing()), default=0)
        for operand in self.operands if least else ():
            for link in self.links:
                if isinstance(link, Pick) and not set(link.at).isdisjoint(operand.labels):
                    ends = {label for label in link.at if not self._needed(label, operand, link)}
                    grown = {*operand.labels, *link.at, link.whole} - ends
                    if ends and self._meets(link.whole, operand) and volume(grown) < least:
                        wide = self._spread(operand, link.at)
                        if self._replace(operand, wide) and self._scatter(wide, link):
                            return True
        return False

    def _meets(self, label: Label, operand: Dense) -> bool:
        """Whether other operands have a label, or one side of a reshape that it is all of the other of."""
        near = {label}
        for link in self.links:
            if isinstance(link, Ravel) and (link.left == (label,) or link.right == (label,)):
                near.update(link.labels)
        return label not in operand.labels and any(
            not near.isdisjoint(other.labels) for other in self.operands if other is not operand
        )

    def _spread(self, operand: Dense, labels: Labels) -> Dense:
        """An operand repeated over the labels that it lacks."""
        missing = [label for label in labels if label not in operand.labels]
        if not missing:
            return operand
        wide = Labels((*missing, *operand.labels))
        value = repeated(operand.value, tuple(label.size for label in wide))
        return Dense(value, wide)

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

    # ---------------------------------------------------------------------------------- pairs

    def _pair(self, outer: bool) -> bool:
        best: tuple[tuple[int, int], Dense, Dense] | None = None
        for a, b in itertools.combinations(self.operands, 2) if outer else self._sharing():
            union = {*a.labels, *b.labels}
            cost = volume(union), volume(label for label in union if self._needed(label, a, b))
            if best is None or cost < best[0]:
                best = cost, a, b
        if best is None:
            return False
        _, a, b = best
        joined = self._join(a, b)
        self.operands = [operand for operand in self.operands if operand is not b]
        return self._replace(a, joined)

    def _sharing(self) -> Iterator[tuple[Dense, Dense]]:
        """The pairs that have a label in common."""
        for a, b in itertools.combinations(self.operands, 2):
            if any(label in b.labels and label.size != 1 for label in a.labels):
                yield a, b

    def _join(self, a: Dense, b: Dense) -> Dense:
        """Two operands into one: a matmul over the labels that go, where either side has others too."""
        rank = {label: position for position, label in enumerate(self.target)}

        def live(operand: Dense) -> list[Label]:
            return [label for label in operand.labels if label.size != 1 or self._needed(label, a, b)]

        both = [label for label in live(a) if label in b.labels]
        gone = [label for label in both if label.size != 1 and not self._needed(label, a, b)]
        only_a = [label for label in live(a) if label not in both]
        only_b = [label for label in live(b) if label not in both]
        if not gone or not (only_a or only_b):
            return self._multiply(a, b, both, only_a, only_b)

        def last(label: Label) -> int:
            return rank.get(label, len(rank))

        if not only_a or (only_b and min(map(last, only_a)) > min(map(last, only_b))):
            a, b, only_a, only_b = b, a, only_b, only_a  # the result comes out in the target's order
        batch = sorted((label for label in both if label not in gone), key=last)
        rows, columns = sorted(only_a, key=last), sorted(only_b, key=last)
        if not batch and columns:
            lead, tail = _around(rows, columns, last)
            if lead and volume(tail) >= WIDE:
                return self._join_inside(a, b, gone, lead, columns, tail)
        left_groups = [[r] for r in (rows if not batch and len(rows) > 1 else batch)]
        if batch or len(rows) <= 1:
            left_groups.append(rows)
        left = grouped(as_number(a.value, self.dtype), a.labels, [*left_groups, gone])
        right = grouped(as_number(b.value, self.dtype), b.labels, [*[[lb] for lb in batch], gone, columns])
        labels = Labels((*batch, *rows, *columns))
        return Dense(reshaped(Matmul()(left, right), [label.size for label in labels]), labels)

    def _join_inside(
        self,
        a: Dense,
        b: Dense,
        gone: list[Label],
        lead: Sequence[Label],
        columns: Sequence[Label],
        tail: Sequence[Label],
    ) -> Dense:
        """b from the left for each position of `lead`, so that the result lies in the target's order."""
        left = grouped(as_number(b.value, self.dtype), b.labels, [columns, gone])
        right = grouped(as_number(a.value, self.dtype), a.labels, [*[[lb] for lb in lead], gone, tail])
        labels = Labels((*lead, *columns, *tail))
        return Dense(reshaped(Matmul()(left, right), [label.size for label in labels]), labels)

    def _multiply(
        self, a: Dense, b: Dense, both: list[Label], only_a: list[Label], only_b: list[Label]
    ) -> Dense:
        every = {*both, *only_a, *only_b}
        if every == set(self.target):
            labels = self.target
        elif only_a and only_b:
            inside = [label for label in self.target if label in every]
            labels = Labels(inside + [lb for lb in (*both, *only_a, *only_b) if lb not in inside])
        else:
            big = a if len(only_a) >= len(only_b) else b
            labels = Labels(label for label in big.labels if label in every)
        x, y = thin(a.value, a.labels, labels), thin(b.value, b.labels, labels)
        if x.dtype == bool_ and y.dtype == bool_:
            x = as_number(x, self.dtype)
        return Dense(repeated(times(x, y), tuple(label.size for label in labels)), labels)


def _around(
    rows: Sequence[Label], columns: Sequence[Label], place: Callable[[Label], int]
) -> tuple[list[Label], list[Label]]:
    """The rows before all columns in the target, and those after; none where some are between."""
    first, last = min(map(place, columns)), max(map(place, columns))
    lead = [label for label in rows if place(label) < first]
    tail = [label for label in rows if place(label) > last]
    return (lead, tail) if len(lead) + len(tail) == len(rows) else ([], [])


def _eye(size: object, dtype: DType) -> Value:
    rows = arange(size)  # type: ignore[arg-type]  # a size
    return equal(reshaped(rows, (size, 1)), rows).astype(dtype)  # type: ignore[arg-type]
