"""In which order to eliminate the vertices of a linearized graph: plain integers, no graph of irgraph.

Vertex elimination (Griewank and Reese 1991): an edge carries a local Jacobian; eliminating an inner vertex
multiplies each edge into it with each edge out of it and adds the product to the edge that goes past it.
When no inner vertex is left, the edges from inputs to outputs are the Jacobian. The order decides the number
of multiplications, and choosing the best is NP-complete: exact here up to `EXACT` inner vertices, beyond that
the best of known heuristics, improved by a seeded local search of bounded effort. The plain modes (forward
is topological order, reverse its reverse) are always among the candidates.

Effort counts products, not seconds, so that one graph has one plan on every machine.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Counting = Literal["all", "structural", "nontrivial"]

EXACT = 14
EFFORT = 40_000
"""Products that the search beyond `EXACT` may try: about 50 ms."""

KINDS = ("1", "-1", "c", "x")
"""What an edge holds: one, minus one, another constant, a variable."""

_ONE, _MINUS, _CONSTANT, _VARIABLE = range(4)
_PRODUCT = [[0, 1, 2, 3], [1, 0, 2, 3], [2, 2, 2, 3], [3, 3, 3, 3]]
_SUM = [[2, 2, 2, 3], [2, 2, 2, 3], [2, 2, 2, 3], [3, 3, 3, 3]]
_WEIGHTS: dict[Counting, list[list[int]]] = {
    "all": [[1] * 4] * 4,
    "structural": [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]],
    "nontrivial": [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1]],
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
    problem = _Problem(dag, counting)
    forward, reverse = problem.topological, problem.topological[::-1]
    candidates = {"forward": forward, "reverse": reverse} | dict(problem.heuristics())
    costs = {name: problem.cost(order) for name, order in candidates.items()}
    method = min(costs, key=lambda name: costs[name])  # of equal ones the first: a plain mode
    order, cost, is_exact = candidates[method], costs[method], len(forward) <= exact
    found = problem.shortest(cost) if is_exact else problem.search(order, cost, effort, random.Random(seed))
    if found is not None:
        order, cost, method = found, problem.cost(found), "exact" if is_exact else f"{method}, local search"
    counts = {each: _Problem(dag, each).cost(order) for each in _WEIGHTS}
    return EliminationPlan(tuple(order), cost, costs["forward"], costs["reverse"], is_exact, method, counts)


class _Problem:
    """The graph with kinds as numbers, pruned; an output with users ends in a vertex of its own."""

    def __init__(self, dag: Dag, counting: Counting) -> None:
        self.weights = _WEIGHTS[counting]
        self.into: dict[int, dict[int, int]] = {}
        self.out: dict[int, set[int]] = {}
        self._read(dag)
        ends = {*dag.inputs, *self.ends}
        self.topological = [v for v in self._sorted() if v not in ends]

    def _read(self, dag: Dag) -> None:
        edges = {edge: _kind(edge, kind) for edge, kind in dag.edges.items()}
        for (_, v), _kind_of in edges.items():
            if v in dag.inputs:
                raise ValueError(f"found an edge into the input {v}; needed inputs that nothing flows into.")
        for vertex, size in dag.sizes.items():
            if size < 1:
                raise ValueError(f"found size {size} of vertex {vertex}; needed 1 or more.")
        self.sizes = {v: dag.sizes.get(v, 1) for edge in edges for v in edge}
        used = {u for u, _ in edges}
        fresh = max([*self.sizes, *dag.outputs, -1]) + 1
        self.ends: list[int] = []
        for v in dag.outputs:
            end = v
            if v in used and v not in dag.inputs:
                end, fresh = fresh, fresh + 1
                edges[v, end] = _ONE
                self.sizes[end] = self.sizes[v]
            self.ends.append(end)
        ahead = _reach(dag.inputs, edges)
        behind = _reach(self.ends, [(v, u) for u, v in edges])
        for (u, v), kind in edges.items():
            if u in ahead and v in behind:
                self.into.setdefault(v, {})[u] = kind
                self.into.setdefault(u, {})
                self.out.setdefault(u, set()).add(v)
                self.out.setdefault(v, set())

    def _sorted(self) -> list[int]:
        """Topological order; of those that are ready the smallest number first."""
        waiting = {v: len(sources) for v, sources in self.into.items()}
        ready = [v for v, count in waiting.items() if not count]
        heapq.heapify(ready)
        order = []
        while ready:
            v = heapq.heappop(ready)
            order.append(v)
            for w in self.out[v]:
                waiting[w] -= 1
                if not waiting[w]:
                    heapq.heappush(ready, w)
        if len(order) < len(waiting):
            stuck = sorted(v for v, count in waiting.items() if count)
            raise ValueError(f"found a cycle among the vertices {stuck}; needed a graph without.")
        return order

    # ------------------------------------------------------------------------------ counting

    def copy(self) -> tuple[dict[int, dict[int, int]], dict[int, set[int]]]:
        """The edges, to eliminate in."""
        return {v: dict(u) for v, u in self.into.items()}, {v: set(w) for v, w in self.out.items()}

    def price(self, v: int, into: dict[int, dict[int, int]], out: dict[int, set[int]]) -> int:
        """The multiplications of eliminating a vertex now."""
        weights, sizes = self.weights, self.sizes
        total = 0
        for w in out[v]:
            row, size = weights[into[w][v]], sizes[w]
            for u, kind in into[v].items():
                if row[kind]:
                    total += size * sizes[u]
        return total * sizes[v]

    @staticmethod
    def eliminate(v: int, into: dict[int, dict[int, int]], out: dict[int, set[int]]) -> None:
        """Replace the paths through a vertex by edges past it."""
        sources = into.pop(v)
        for w in out.pop(v):
            column = into[w]
            row = _PRODUCT[column.pop(v)]
            for u, kind in sources.items():
                made, known = row[kind], column.get(u)
                column[u] = made if known is None else _SUM[known][made]
                out[u].add(w)
        for u in sources:
            out[u].discard(v)

    def cost(self, order: Sequence[int]) -> int:
        """The multiplications of a whole order."""
        into, out = self.copy()
        total = 0
        for v in order:
            total += self.price(v, into, out)
            self.eliminate(v, into, out)
        return total

    # ---------------------------------------------------------------------------- heuristics

    def heuristics(self) -> Iterator[tuple[str, list[int]]]:
        """Greedy orders: fewest products (Markowitz), least fill, and both after the single-use vertices;
        equal ones from either end."""
        place = {v: n for n, v in enumerate(self.topological)}
        for name, rank in (("Markowitz", self.price), ("least fill", self._fill)):
            for first in (False, True):
                for sign, end in ((1, "front"), (-1, "back")):
                    label = f"{'single-use first, ' if first else ''}{name} from the {end}"
                    places = {v: sign * n for v, n in place.items()}
                    yield label, self._greedy(rank, first, places)

    def _fill(self, v: int, into: dict[int, dict[int, int]], out: dict[int, set[int]]) -> int:
        """New edges less those that go."""
        fresh = sum(u not in into[w] for w in out[v] for u in into[v])
        return fresh - len(into[v]) - len(out[v])

    def _greedy(
        self, rank: Callable[..., int], single_use_first: bool, place: Mapping[int, int]
    ) -> list[int]:
        into, out = self.copy()
        left = set(self.topological)

        def key(v: int) -> tuple[int, int, int]:
            single = single_use_first and len(out[v]) == 1
            return (0 if single else 1, rank(v, into, out), place[v])

        keys = {v: key(v) for v in left}
        order = []
        while left:
            v = min(left, key=lambda each: keys[each])
            near = {*into[v], *out[v]}
            near |= {each for u in into[v] for each in out[u]} | {u for w in out[v] for u in into[w]}
            self.eliminate(v, into, out)
            left.remove(v)
            order.append(v)
            for each in near & left:
                keys[each] = key(each)
        return order

    # -------------------------------------------------------------------------------- search

    def shortest(self, bound: int) -> list[int] | None:
        """An order of least cost below `bound`, by Dijkstra's algorithm over the sets of eliminated vertices
        (what is left does not depend on their order); None where there is none."""
        bit = {v: 1 << n for n, v in enumerate(self.topological)}
        goal = (1 << len(bit)) - 1
        best: dict[int, tuple[int, int, int]] = {0: (0, 0, -1)}  # set: cost, the set before, the vertex
        heap, done = [(0, 0)], set()
        while heap:
            cost, gone = heapq.heappop(heap)
            if gone == goal:
                return self._path(best, goal)
            if gone in done:
                continue
            done.add(gone)
            into, out = self.copy()
            for v, mask in bit.items():
                if gone & mask:
                    self.eliminate(v, into, out)
            for v, mask in bit.items():
                if not gone & mask:
                    total, reached = cost + self.price(v, into, out), gone | mask
                    if total < bound and (reached not in best or total < best[reached][0]):
                        best[reached] = (total, gone, v)
                        heapq.heappush(heap, (total, reached))
        return None

    @staticmethod
    def _path(best: Mapping[int, tuple[int, int, int]], goal: int) -> list[int]:
        order = []
        while goal:
            _, goal, v = best[goal]
            order.append(v)
        return order[::-1]

    def search(self, order: Sequence[int], cost: int, effort: int, rng: random.Random) -> list[int] | None:
        """A better order by moving vertices, worse ones accepted at first (annealing); None: no better."""
        current, current_cost = list(order), cost
        best, best_cost = None, cost
        tries = effort // max(1, sum(len(u) for u in self.into.values()))
        for n in range(tries):
            warmth = 0.02 * cost * (1 - n / tries) ** 2
            moved = list(current)
            v = moved.pop(rng.randrange(len(moved)))
            moved.insert(rng.randrange(len(moved) + 1), v)
            found = self.cost(moved)
            if found <= current_cost + warmth * rng.random():
                current, current_cost = moved, found
                if found < best_cost:
                    best, best_cost = moved, found
        return best


def _kind(edge: tuple[int, int], kind: str) -> int:
    if kind not in KINDS:
        raise ValueError(f"found the value {kind!r} on the edge {edge}; needed one of {', '.join(KINDS)}.")
    return KINDS.index(kind)


def _reach(roots: Sequence[int], edges: object) -> set[int]:
    users: dict[int, list[int]] = {}
    for u, v in edges:  # type: ignore[attr-defined]
        users.setdefault(u, []).append(v)
    seen, stack = set(roots), list(roots)
    while stack:
        for v in users.get(stack.pop(), ()):
            if v not in seen:
                seen.add(v)
                stack.append(v)
    return seen
