"""Accumulating a Jacobian by eliminating vertices, in any order; every mode is one of them.

Eliminating a vertex multiplies each edge into it with each edge out of it and adds the product to the edge
that goes past it (Griewank and Reese 1991). Topological order is forward mode, its reverse is reverse mode.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..local_jacobian import Label, Map, Term, Terms
from ..origin import carrying
from ..types import DType
from .linearize import Edges, Linearization
from .links import determined
from .products import added, product
from .sums import GROWTH

Pair = tuple[int, int]


class Accumulation:
    """The edges that are left; made from a linearization, or a copy of another accumulation."""

    def __init__(self, linear: Linearization, into: Edges, dtype: DType, growth: float = GROWTH) -> None:
        self.linear = linear
        self.dtype = dtype
        self.growth = growth  # see `coarsened`
        self.into = {v: dict(edges) for v, edges in into.items()}
        self.out: dict[int, set[int]] = {}
        for v, edges in self.into.items():
            for u in edges:
                self.out.setdefault(u, set()).add(v)

    def copy(self) -> Accumulation:
        """The same edges, to eliminate on."""
        return Accumulation(self.linear, self.into, self.dtype, self.growth)

    @property
    def inner(self) -> list[int]:
        """The vertices that are left, each after those it depends on."""
        return [v for v in self.linear.inner if v in self.into]

    def eliminate(self, order: Iterable[int]) -> None:
        """Eliminate vertices, one after another."""
        for vertex in order:
            self._eliminate(vertex)

    def _eliminate(self, vertex: int) -> None:
        before = self.into.pop(vertex)
        after = self.out.pop(vertex, set())
        for u in before:
            self.out[u].discard(vertex)
        with carrying(self.linear.values[vertex].node.origin.derived("tangent")):
            for v in sorted(after):
                edges = self.into[v]
                outer = edges.pop(vertex)
                for u, inner in before.items():
                    made = product(outer, inner, self.dtype, self.growth)
                    if u in edges:
                        made = added([*edges[u], *made], self.dtype, self.growth)
                    if made:
                        edges[u] = made
                        self.out.setdefault(u, set()).add(v)
                    elif edges.pop(u, None) is not None:
                        self.out[u].discard(v)

    def blocks(self) -> dict[Pair, Terms]:
        """The Jacobian of each end (counted from 0) towards each source; none where it is zero."""
        first = self.linear.ends.start
        return {(v - first, u): terms for v in self.linear.ends for u, terms in self.into[v].items()}

    # -------------------------------------------------------------------------- before planning

    def eliminate_light(self) -> None:
        """Eliminate what costs nothing: vertices with one user or one source where no sum is due.

        No matrix is copied to several edges: what a fan-out shares, a sweep passes once.
        """
        waiting = self.inner
        while waiting:
            vertex = waiting.pop(0)
            if vertex in self.into and self._is_light(vertex):
                near = [v for v in (*self.into[vertex], *self.out.get(vertex, ())) if v in self.linear.inner]
                self._eliminate(vertex)
                waiting = [*[v for v in near if v not in waiting], *waiting]

    def _is_light(self, vertex: int) -> bool:
        before, after = self.into[vertex], self.out.get(vertex, set())
        if not before or not after:
            return True
        if len(before) > 1 and len(after) > 1:
            return False
        users = [self.into[v][vertex] for v in after]
        if max(map(len, users)) * max(map(len, before.values())) > 2:
            return False
        outer = all(_covers(t.out, t.in_, t) for terms in users for t in terms)
        inner = all(_covers(t.in_, t.out, t) for terms in before.values() for t in terms)
        if len(after) > 1:  # the edges into it are copied for each: no matrix may be
            return inner
        return outer if len(before) > 1 else inner or outer


def _covers(known: Iterable[Label], other: Iterable[Label], term: Term) -> bool:
    """Whether one side of a term determines the other: no sum is due when it is multiplied."""
    if any(isinstance(factor, Map) for factor in term.factors):
        return False
    side = {*known}
    if side.issuperset(label for label in other if label.size != 1):
        return True
    if len(term.factors) == 0:
        return False
    one_sided = Term(type(term.out)(known), type(term.out)(), term.factors)
    return determined(one_sided).issuperset(label for label in other if label.size != 1)
