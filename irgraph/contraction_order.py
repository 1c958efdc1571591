"""In which order to contract tensors, two at a time. Plain integers: nothing here knows of graphs.

An order is a list of pairs of positions, as in opt_einsum: the two are taken out of the list of operands,
and their product is put at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import inf, prod
from typing import Any

Labels = frozenset[Any]
Sizes = Mapping[Any, int]  # of the labels, which may be anything
Order = list[tuple[int, int]]
Tree = int | tuple["Tree", "Tree"]

EXACT = 8  # operands: beyond that 3^n pairs of subsets take too long


def matrix_chain_order(sizes: Sequence[int]) -> tuple[int, Tree]:
    """The fewest multiplications for a product of matrices, and its bracketing as nested pairs of positions.

    Matrix i has `sizes[i]` rows and `sizes[i + 1]` columns. The dynamic program of Cormen et al.,
    "Introduction to Algorithms", section 14.2, in O(n³); of equal bracketings the first split wins.

    >>> matrix_chain_order([30, 35, 15, 5, 10, 20, 25])
    (15125, ((0, (1, 2)), ((3, 4), 5)))
    """
    count = len(sizes) - 1
    best: dict[tuple[int, int], tuple[int, Tree]] = {(n, n): (0, n) for n in range(count)}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            found: tuple[int, int] | None = None
            for split in range(first, last):
                joined = sizes[first] * sizes[split + 1] * sizes[last + 1]
                cost = best[first, split][0] + best[split + 1, last][0] + joined
                if found is None or cost < found[0]:
                    found = cost, split
            assert found is not None
            cost, split = found
            best[first, last] = cost, (best[first, split][1], best[split + 1, last][1])
    return best[0, count - 1]


def contraction_order(operands: Sequence[Labels], target: Labels, sizes: Sizes) -> Order:
    """The order with the fewest multiplications for up to `EXACT` operands, and a greedy one beyond.

    A pair costs the product of the sizes of all its labels; what neither the target nor another operand
    has is summed with it. Outer products count as any other pair.

    >>> a, b, c = frozenset("ij"), frozenset("jk"), frozenset("k")
    >>> contraction_order([a, b, c], frozenset("i"), {"i": 10, "j": 10, "k": 10})
    [(1, 2), (0, 1)]
    """
    if len(operands) < 2:
        return []
    if len(operands) <= EXACT:
        return _as_order(_exact(operands, target, sizes), len(operands))
    return _greedy(list(operands), target, sizes)


def contraction_cost(operands: Sequence[Labels], target: Labels, sizes: Sizes, order: Order) -> int:
    """The multiplications of an order.

    >>> a, b = frozenset("ij"), frozenset("jk")
    >>> contraction_cost([a, b], frozenset("ik"), dict.fromkeys("ijk", 2), [(0, 1)])
    8
    """
    left, total = list(operands), 0
    for i, j in order:
        both = left[i] | left[j]
        total += prod(sizes[label] for label in both)
        rest = [labels for n, labels in enumerate(left) if n not in (i, j)]
        left = [*rest, both & target.union(*rest)]
    return total


def _exact(operands: Sequence[Labels], target: Labels, sizes: Sizes) -> Tree:
    """The best tree over every subset of the operands, from those over its parts."""
    everyone = frozenset(range(len(operands)))
    labels: dict[frozenset[int], Labels] = {}
    best: dict[frozenset[int], tuple[float, Tree]] = {}
    for count in range(1, len(operands) + 1):
        for members in combinations(range(len(operands)), count):
            group = frozenset(members)
            outside = target.union(*[operands[n] for n in everyone - group])
            labels[group] = frozenset().union(*[operands[n] for n in group]) & outside
            if count == 1:
                labels[group], best[group] = operands[members[0]], (0, members[0])
                continue
            found: tuple[float, Tree] = (inf, members[0])
            for left, right in _halves(members):
                cost = best[left][0] + best[right][0]
                if cost < found[0]:
                    cost += prod(sizes[label] for label in labels[left] | labels[right])
                    if cost < found[0]:
                        found = cost, (best[left][1], best[right][1])
            best[group] = found
    return best[everyone][1]


def _halves(members: Sequence[int]) -> list[tuple[frozenset[int], frozenset[int]]]:
    """All ways to split into two groups, the first of which has the first member."""
    first, *others = members
    whole = frozenset(members)
    splits = []
    for count in range(len(others)):
        for chosen in combinations(others, count):
            left = frozenset((first, *chosen))
            splits.append((left, whole - left))
    return splits


def _as_order(tree: Tree, count: int) -> Order:
    """The pairs of a tree, inner ones first."""
    order: Order = []
    present: list[Tree] = list(range(count))

    def visit(node: Tree) -> None:
        if isinstance(node, tuple):
            visit(node[0])
            visit(node[1])
            i, j = sorted((present.index(node[0]), present.index(node[1])))
            order.append((i, j))
            del present[j], present[i]
            present.append(node)

    visit(tree)
    return order


def _greedy(operands: list[Labels], target: Labels, sizes: Sizes) -> Order:
    """The pair whose product adds least to what must be kept, then the cheapest; pairs that share first."""
    order: Order = []
    while len(operands) > 1:
        best: tuple[tuple[bool, int, int], int, int, Labels] | None = None
        for i, j in combinations(range(len(operands)), 2):
            both = operands[i] | operands[j]
            rest = target.union(*[labels for n, labels in enumerate(operands) if n not in (i, j)])
            kept, cost = both & rest, prod(sizes[label] for label in both)
            grown = _volume(kept, sizes) - _volume(operands[i], sizes) - _volume(operands[j], sizes)
            key = (not operands[i] & operands[j], grown, cost)
            if best is None or key < best[0]:
                best = key, i, j, kept
        assert best is not None
        _, i, j, kept = best
        order.append((i, j))
        operands = [*(labels for n, labels in enumerate(operands) if n not in (i, j)), kept]
    return order


def _volume(labels: Labels, sizes: Sizes) -> int:
    return prod(sizes[label] for label in labels)
