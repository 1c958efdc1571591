"""The reduced linearization as a chain of integers: where it can be cut, and orders from chain plans.

A cut is a set of vertices that every path crosses: one vertex (a dominator of all ends) or, where branches
run beside each other, the narrowest set (a super vertex). Between neighbouring cuts lies a factor of the
chain. Axes that the whole chain ties (a batch) are taken out of all sizes: each instance is one chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..autodiff.chain_order import Accumulate, ChainPlan, Factor, Multiply, Pull, Push, plan_chain
from ..dims import estimate
from ..local_jacobian import Dense, Map, Terms
from .accumulate import Accumulation
from .sums import ties

MANY = 64
"""Cuts in a chain at most; the narrowest are taken."""

Classes = tuple[int | None, ...]
"""For each axis of a value the axis of the source that it is tied to all the way; None: to none."""


@dataclass(frozen=True)
class Chain:
    """Cuts from the sources to the ends, and the factors between them.

    `cuts[i]` are the vertices of a cut, `inside[i]` those between cut i and the next, `ready` the factors
    that are Jacobians already, with no vertex inside.
    """

    cuts: tuple[tuple[int, ...], ...]
    inside: tuple[tuple[int, ...], ...]
    factors: tuple[Factor, ...]
    ready: frozenset[int]
    widths: Mapping[int, int]

    def plan(self, memory: int | None = None) -> ChainPlan:
        """The cheapest order of the chain."""
        return plan_chain(self.factors, memory, self.ready)

    def order(self, plan: ChainPlan) -> list[int]:
        """The vertices in the order in which the steps of a plan eliminate them.

        A vertex that crosses several cuts waits until a step joins what lies before the first of them with
        what lies after the last.
        """
        done: dict[int, None] = {}
        for step in plan.steps:
            match step:
                case Accumulate(n, mode):
                    first, last = n, n
                    found: Iterable[int] = self.inside[n] if mode == "forward" else self.inside[n][::-1]
                case Multiply(first, split, last):
                    found = self.cuts[split + 1]
                case Push(first, split, last):
                    found = [v for n in range(split + 1, last + 1) for v in (*self.cuts[n], *self.inside[n])]
                case Pull(first, split, last):
                    found = [
                        v
                        for n in range(split, first - 1, -1)
                        for v in (*self.cuts[n + 1][::-1], *self.inside[n][::-1])
                    ]
            open_ends = {*self.cuts[first], *self.cuts[last + 1]}
            done.update(dict.fromkeys(v for v in found if v not in open_ends))
        return list(done)


def chain(left: Accumulation) -> Chain | None:
    """The chain of what is left to eliminate, or None where there is no cut."""
    inner = left.inner
    if not inner:
        return None
    tied = tied_axes(left)
    widths = {v: width(left, v, tied) for v in (*left.linear.sources, *inner, *left.linear.ends)}
    cuts = _cuts(left, inner, widths)
    if not cuts:
        return None
    bounds = [tuple(left.linear.sources), *(crossing for _, crossing in cuts), tuple(left.linear.ends)]
    starts = [0, *(position for position, _ in cuts), len(inner)]
    factors, inside, ready = [], [], set()
    for n, (near, far) in enumerate(pairwise(bounds)):
        between = inner[starts[n] : starts[n + 1]]
        crossed = {*near, *far}
        inside.append(tuple(v for v in between if v not in crossed))
        made = [v for v in (*between, *far) if v not in near] if n < len(cuts) else [*between, *far]
        work = sum(
            _work(terms, tied[v]) for v in dict.fromkeys(made) for terms in left.into.get(v, {}).values()
        )
        rows, columns = (sum(widths[v] for v in side) for side in (far, near))
        factors.append(Factor(rows, columns, work))
        if not inside[-1]:
            ready.add(n)
    return Chain(tuple(bounds), tuple(inside), tuple(factors), frozenset(ready), widths)


def _cuts(
    left: Accumulation, inner: Sequence[int], widths: Mapping[int, int]
) -> list[tuple[int, tuple[int, ...]]]:
    """(position, vertices that cross it): a cut lies after `position` inner vertices."""
    place = {v: n for n, v in enumerate(inner)}
    last = {u: max((place.get(v, len(inner)) for v in left.out.get(u, ())), default=-1) for u in inner}
    open_source = max(
        (place.get(v, len(inner)) for u in left.linear.sources for v in left.out.get(u, ())), default=-1
    )
    found: list[tuple[int, tuple[int, ...]]] = []
    crossing: list[int] = []
    for n, vertex in enumerate(inner):
        crossing = [u for u in crossing if last[u] > n]
        if last[vertex] > n:
            crossing.append(vertex)
        if crossing and open_source <= n and (not found or found[-1][1] != tuple(crossing)):
            found.append((n + 1, tuple(crossing)))
    if len(found) > MANY:
        kept = sorted(found, key=lambda cut: (sum(widths[v] for v in cut[1]), cut[0]))[:MANY]
        found = sorted(kept)
    return found


def tied_axes(left: Accumulation) -> dict[int, Classes]:
    """For each vertex the source's axes that its own are tied to on every path; one source only."""
    linear = left.linear
    classes: dict[int, Classes] = {}
    for source in linear.sources:
        rank = linear.values[source].ndim
        classes[source] = tuple(range(rank)) if len(linear.sources) == 1 else (None,) * rank
    for vertex in (*left.inner, *linear.ends):
        edges = left.into.get(vertex, {})
        found: list[int | None] = [None] * linear.values[vertex].ndim
        for p in range(len(found)):
            seen = {
                classes[u][dict(ties(t)).get(p, 0)] if p in dict(ties(t)) else None
                for u, terms in edges.items()
                for t in terms
            }
            found[p] = seen.pop() if len(seen) == 1 else None
        classes[vertex] = tuple(found)
    kept = [set(classes[end]) for end in linear.ends if left.into.get(end)]
    common = set.intersection(*kept) - {None} if kept else set()
    return {v: tuple(c if c in common else None for c in mine) for v, mine in classes.items()}


def width(left: Accumulation, vertex: int, classes: Mapping[int, Classes]) -> int:
    """The size of a value without the axes that the whole chain ties."""
    width = 1
    for size, tied in zip(left.linear.values[vertex].shape, classes[vertex], strict=True):
        width *= 1 if tied is not None else estimate(size)
    return width


def _work(terms: Terms, classes: Classes) -> int:
    """The multiplications of one product with an edge, for one instance of the tied axes."""
    total = 0
    for term in terms:
        tied = {label for label, tie in zip(term.out, classes, strict=True) if tie is not None}
        dense = {label for f in term.factors if isinstance(f, Dense | Map) for label in f.labels}
        work = 1
        for label in {*dense, *term.out} - tied:
            work *= estimate(label.size)
        total += work
    return total
