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

from ..local_jacobian import Dense, Factor, Label, Labels, Pick, Ravel
from ..types import DType, TensorType, bool_
from ..value import Value
from .arrange import arranged, as_number, grouped, repeated, reshaped, thin, times
from .constants import Full
from .matmul import Matmul
from .networks import Network, volume
from .tied import placed, ties_within, untied

WIDE = 16
"""Columns that make one product for each position of a batch as good as one for the whole batch."""


def contract(factors: Iterable[Factor], target: Labels, dtype: DType) -> Value:
    """The value `out[target] = sum over all other labels of prod(factors)`."""
    factors = distinct(factors)
    links = ties_within(factors, target)
    for link in links:
        factors = untied(factors, link)
    gone = {link.whole for link in links}
    inner = Labels(label for label in target if label not in gone)
    return placed(_Contraction(factors, inner, dtype).contract(), inner, links, target)


def distinct(factors: Iterable[Factor]) -> list[Factor]:
    """Some factors, each selection once: true times true is true."""
    found: list[Factor] = []
    for factor in factors:
        if not (isinstance(factor, Dense) and factor.value.dtype == bool_) or not any(
            isinstance(f, Dense) and f.labels == factor.labels and _same(f.value, factor.value) for f in found
        ):
            found.append(factor)
    return found


def _same(a: Value, b: Value) -> bool:
    """Whether two values are one, or equal views of one."""
    if a is b:
        return True
    if not a.node.op.may_view() or a.node.op != b.node.op:
        return False
    return all(_same(x, y) for x, y in zip(a.node.inputs, b.node.inputs, strict=True))


class _Contraction(Network):
    """The steps, each the best that can be done now."""

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
