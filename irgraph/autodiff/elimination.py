"""In which order to eliminate the vertices of a linearized graph: plain integers, no graph of irgraph.

Vertex elimination (Griewank and Reese 1991): an edge carries a local Jacobian; eliminating an inner vertex
multiplies each edge into it with each edge out of it and adds the product to the edge that goes past it.
When no inner vertex is left, the edges from inputs to outputs are the Jacobian. The order decides the number
of multiplications, and choosing the best is NP-complete. So:

* Inner vertices that no path of inner vertices joins are planned apart: one part costs the others nothing.
* The plain modes (forward is topological order, reverse its reverse) and greedy orders are the candidates.
* A part is exact where its best candidate pays no more than a bound for each vertex (`elimination_bound`),
  and up to `EXACT` vertices by search over sets; beyond, a seeded local search improves the best candidate.

Effort counts changes of the graph, not seconds, so that one graph has one plan on every machine.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .elimination_bound import is_least
from .elimination_graph import KINDS, Graph, KindGraph, NontrivialGraph
from .elimination_search import heuristics, local_search, shortest

Counting = Literal["all", "structural", "nontrivial"]

EXACT = 14
EFFORT = 40_000
"""Rows of edges that the search beyond `EXACT` may change: about 40 ms."""

STARTS = 3
"""Candidates that half of the effort goes to, before the best of them gets the rest."""

_GRAPHS: dict[Counting, type[Graph]] = {
    "all": Graph,
    "structural": KindGraph,
    "nontrivial": NontrivialGraph,
}


@dataclass(frozen=True)
class Dag:
    """A linearized computation: the edge (u, v) holds ∂v/∂u, of a kind in `KINDS`; sizes default to 1.

    Vertices that are on no path from an input to an output do not count. Raises ValueError for a cycle, an
    unknown kind, a size below 1, or an edge into an input.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    edges: Mapping[tuple[int, int], str]
    sizes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EliminationPlan:
    """An order of the inner vertices and its multiplications, beside those of the plain modes.

    `exact`: no order has fewer, in the counting asked for. `counts` holds all three countings of the order:
    all products; without those of two constants; without those, and without those by ±1.
    """

    order: tuple[int, ...]
    cost: int
    forward: int
    reverse: int
    exact: bool
    method: str
    counts: Mapping[Counting, int]


def plan_elimination(
    dag: Dag, counting: Counting = "all", effort: int = EFFORT, seed: int = 0, exact: int = EXACT
) -> EliminationPlan:
    """The best order found; the best there is up to `exact` inner vertices.

    >>> edges = {(0, 1): "x", (1, 2): "x", (1, 3): "x", (2, 4): "x", (3, 4): "x"}
    >>> plan = plan_elimination(Dag((0,), (4,), edges))
    >>> plan.order, plan.cost, plan.forward, plan.exact
    ((3, 2, 1), 3, 4, True)
    """
    network = _Network(dag)
    parts = list(network.parts())
    inner = sum(len(part.inner) for part in parts)
    order: list[int] = []
    methods: list[str] = []
    is_exact = True
    for part in parts:
        share = effort * len(part.inner) // inner
        found, method, proven = _plan_part(part, counting, share, random.Random(seed), exact)
        order += [part.names[v] for v in found]
        is_exact &= proven
        if method not in methods:
            methods.append(method)
    counts = {each: network.cost(order, each) for each in _GRAPHS}
    plain = network.inner
    return EliminationPlan(
        tuple(order),
        counts[counting],
        network.cost(plain, counting),
        network.cost(plain[::-1], counting),
        is_exact,
        "; ".join(methods) or "forward",
        counts,
    )


def _plan_part(
    part: _Part, counting: Counting, effort: int, rng: random.Random, exact: int
) -> tuple[list[int], str, bool]:
    """An order, how it was found, and whether none is cheaper."""
    graph, bounded = part.graph(counting), counting == "all"
    candidates = list(heuristics(graph))
    if not bounded and len(part.inner) > exact:  # what counts later on is not what counts now
        effort //= 2
        order, method, _ = _plan_part(part, "all", effort, rng, 0)
        candidates.append((f"{method} of all products", order))
    ranked = sorted(  # of equal ones the first stays first: a plain mode
        ((graph.cost(order), order, name) for name, order in candidates), key=lambda each: each[0]
    )
    cost, order, method = ranked[0]
    if bounded and is_least(graph, order):
        return order, method, True
    if len(order) <= exact:
        found = shortest(graph, cost, bounded)
        return (order, method, True) if found is None else (found, "exact", True)
    first = effort // (2 * STARTS)
    starts = {tuple(order): name for _, order, name in reversed(ranked)}
    tried = [(local_search(graph, order, first, rng), name) for order, name in list(starts.items())[-STARTS:]]
    order, method = min(tried, key=lambda each: graph.cost(each[0]))
    order = local_search(graph, order, effort - STARTS * first, rng)
    if graph.cost(order) == cost:
        return ranked[0][1], ranked[0][2], False
    return order, f"{method}, local search", bounded and is_least(graph, order)


@dataclass(frozen=True)
class _Part:
    """Inner vertices and their neighbours, in topological order; `names` are those of the Dag."""

    names: Sequence[int]
    sizes: Sequence[int]
    edges: Mapping[tuple[int, int], str]
    inner: Sequence[int]

    def graph(self, counting: Counting) -> Graph:
        return _GRAPHS[counting](self.sizes, self.edges, self.inner)


class _Network:
    """The graph of a Dag, checked and pruned; an output with users ends in a vertex of its own."""

    def __init__(self, dag: Dag) -> None:
        edges = {edge: _checked(edge, kind) for edge, kind in dag.edges.items()}
        for _, v in edges:
            if v in dag.inputs:
                raise ValueError(f"found an edge into the input {v}; needed inputs that nothing flows into.")
        for vertex, size in dag.sizes.items():
            if size < 1:
                raise ValueError(f"found size {size} of vertex {vertex}; needed 1 or more.")
        self.sizes = {v: dag.sizes.get(v, 1) for edge in edges for v in edge}
        ends = self._ends(dag, edges)
        ahead = _reach(dag.inputs, edges)
        behind = _reach(ends, [(v, u) for u, v in edges])
        self.edges = {(u, v): kind for (u, v), kind in edges.items() if u in ahead and v in behind}
        outer = {*dag.inputs, *ends}
        self.sorted = _sorted(self.edges)
        self.inner = [v for v in self.sorted if v not in outer]
        self._whole = self._part(self.sorted, self.edges)

    def _ends(self, dag: Dag, edges: dict[tuple[int, int], str]) -> list[int]:
        used = {u for u, _ in edges}
        fresh = max([*self.sizes, *dag.outputs, -1]) + 1
        ends: list[int] = []
        for v in dag.outputs:
            end = v
            if v in used and v not in dag.inputs:
                end, fresh = fresh, fresh + 1
                edges[v, end] = "1"
                self.sizes[end] = self.sizes[v]
            ends.append(end)
        return ends

    def _part(self, names: Sequence[int], edges: Mapping[tuple[int, int], str]) -> _Part:
        number = {v: n for n, v in enumerate(names)}
        numbered = {(number[u], number[v]): kind for (u, v), kind in edges.items()}
        inner = [number[v] for v in self.inner if v in number]
        return _Part(names, [self.sizes[v] for v in names], numbered, inner)

    def parts(self) -> Iterator[_Part]:
        """The sets of inner vertices that paths of inner vertices join, with all their edges."""
        inner = set(self.inner)
        root = {v: v for v in inner}

        def find(v: int) -> int:
            while root[v] != v:
                root[v] = v = root[root[v]]
            return v

        for u, v in self.edges:
            if u in inner and v in inner:
                root[find(u)] = find(v)
        touching: dict[int, dict[tuple[int, int], str]] = {find(v): {} for v in self.inner}
        for (u, v), kind in self.edges.items():
            if u in inner or v in inner:
                touching[find(u if u in inner else v)][u, v] = kind
        place = {v: n for n, v in enumerate(self.sorted)}
        for edges in touching.values():
            yield self._part_of(edges, place)

    def _part_of(self, edges: Mapping[tuple[int, int], str], place: Mapping[int, int]) -> _Part:
        return self._part(sorted({v for edge in edges for v in edge}, key=lambda v: place[v]), edges)

    def cost(self, order: Sequence[int], counting: Counting) -> int:
        """The multiplications of an order of all inner vertices."""
        number = {v: n for n, v in enumerate(self._whole.names)}
        return self._whole.graph(counting).cost([number[v] for v in order])


def _sorted(edges: Iterable[tuple[int, int]]) -> list[int]:
    """Topological order; of those that are ready the smallest number first."""
    users: dict[int, list[int]] = {}
    waiting: dict[int, int] = {}
    for u, v in edges:
        users.setdefault(u, []).append(v)
        waiting[v] = waiting.get(v, 0) + 1
        waiting.setdefault(u, 0)
    ready = [v for v, count in waiting.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        v = heapq.heappop(ready)
        order.append(v)
        for w in users.get(v, ()):
            waiting[w] -= 1
            if not waiting[w]:
                heapq.heappush(ready, w)
    if len(order) < len(waiting):
        stuck = sorted(v for v, count in waiting.items() if count)
        raise ValueError(f"found a cycle among the vertices {stuck}; needed a graph without.")
    return order


def _checked(edge: tuple[int, int], kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"found the value {kind!r} on the edge {edge}; needed one of {', '.join(KINDS)}.")
    return kind


def _reach(roots: Iterable[int], edges: Iterable[tuple[int, int]]) -> set[int]:
    users: dict[int, list[int]] = {}
    for u, v in edges:
        users.setdefault(u, []).append(v)
    seen, stack = set(roots), list(roots)
    while stack:
        for v in users.get(stack.pop(), ()):
            if v not in seen:
                seen.add(v)
                stack.append(v)
    return seen
