"""Orders of vertex elimination: greedy ones, the least one, and better ones near a known one."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Sequence

from .elimination_bound import least_price
from .elimination_graph import Graph, State, bits, copied

GREEDY = 60_000
"""Rows that greedy orders may change before no other is tried: all of them up to about 700 vertices."""

Rank = Callable[[int, State], tuple[int, ...]]

# ---------------------------------------------------------------------------------------- greedy


def heuristics(graph: Graph) -> Iterator[tuple[str, list[int]]]:
    """The plain modes and greedy orders; the inputs' end is the front, the outputs' the back.

    Markowitz: fewest products. Relative Markowitz: fewest over those of the vertex when all others are gone
    (Griewank and Naumann 2003). Least fill: fewest new edges, then fewest products. Single-use first is the
    pre-elimination of EliAD (Tadjouddine, Forth, Pryce and Reid 2002).
    """
    limit = graph.work + GREEDY
    yield "forward", list(graph.inner)
    yield "reverse", list(reversed(graph.inner))
    final = _final_prices(graph)
    ranks: dict[str, Rank] = {
        "Markowitz": lambda v, state: (graph.price(v, state),),
        "relative Markowitz": lambda v, state: (graph.price(v, state) - final[v],),
        "least fill": lambda v, state: (_fill(v, state), graph.price(v, state)),
        "single-use first, Markowitz": lambda v, state: (state[1][v].bit_count() > 1, graph.price(v, state)),
    }
    for name, rank in ranks.items():
        for end, sign in (("back", -1), ("front", 1)):
            if graph.work > limit:
                return
            yield f"{name} from the {end}", greedy(graph, rank, sign)


def _final_prices(graph: Graph) -> list[int]:
    """The products of each vertex when it is the last one: by all inputs and outputs that it reaches."""
    into, out = graph.start[:2]
    reached = [0 if row else 1 << v for v, row in enumerate(into)]
    reaching = [0 if row else 1 << v for v, row in enumerate(out)]
    for v in range(len(into)):
        for u in bits(into[v]):
            reached[v] |= reached[u]
    for v in reversed(range(len(out))):
        for w in bits(out[v]):
            reaching[v] |= reaching[w]
    sizes = zip(graph.sizes, reached, reaching, strict=True)
    return [size * graph.weight(below) * graph.weight(above) for size, below, above in sizes]


def _fill(v: int, state: State) -> int:
    """New edges less those that go."""
    into, out = state[:2]
    sources = into[v]
    fresh = sum((sources & ~into[w]).bit_count() for w in bits(out[v]))
    return fresh - sources.bit_count() - out[v].bit_count()


def greedy(graph: Graph, rank: Rank, sign: int) -> list[int]:
    """The order that always takes the vertex of least rank; of equal ones the first (sign 1) or last (-1)."""
    state = copied(graph.start)
    into, out = state[:2]
    keys = {v: (*rank(v, state), sign * v) for v in graph.inner}
    heap = [(key, v) for v, key in keys.items()]
    heapq.heapify(heap)
    order = []
    while heap:
        key, v = heapq.heappop(heap)
        if keys.get(v) != key:
            continue
        del keys[v]
        order.append(v)
        near = into[v] | out[v]
        graph.eliminate(v, state)
        for u in bits(near):
            if u in keys and (key := (*rank(u, state), sign * u)) != keys[u]:
                keys[u] = key
                heapq.heappush(heap, (key, u))
    return order


# ----------------------------------------------------------------------------------------- exact


def shortest(graph: Graph, bound: int, bounded: bool) -> list[int] | None:
    """An order of least cost below `bound`; None where there is none.

    A* over the sets of eliminated vertices, as what is left does not depend on their order; what is still to
    come costs no less than the sum of the vertices' bounds, if there are any (`bounded`).
    """
    bit = {v: 1 << n for n, v in enumerate(graph.inner)}
    least = {v: least_price(graph, v) if bounded else 0 for v in graph.inner}
    goal = (1 << len(bit)) - 1
    total = sum(least.values())
    if total >= bound:
        return None
    found: dict[int, tuple[int, int, int]] = {0: (total, 0, -1)}  # set: cost, the set before, the vertex
    states = {0: graph.start}
    heap = [(total, 0)]
    while heap:
        cost, gone = heapq.heappop(heap)
        known, before, last = found[gone]
        if cost > known:
            continue
        if gone == goal:
            return _path(found, goal)
        if gone:
            states[gone] = copied(states[before])
            graph.eliminate(last, states[gone])
        for v, mask in bit.items():
            if not gone & mask:
                reached = gone | mask
                total = cost + graph.price(v, states[gone]) - least[v]
                if total < bound and (reached not in found or total < found[reached][0]):
                    found[reached] = (total, gone, v)
                    heapq.heappush(heap, (total, reached))
    return None


def _path(found: dict[int, tuple[int, int, int]], goal: int) -> list[int]:
    order = []
    while goal:
        _, goal, v = found[goal]
        order.append(v)
    return order[::-1]


# ----------------------------------------------------------------------------------- local search


class Walk:
    """An order with the states before its vertices, and the price of each.

    A change within a stretch of the order changes nothing outside it, as the set that is eliminated after it
    is the same. So a move is tried on its stretch alone, and given up when it costs more than before.
    """

    def __init__(self, graph: Graph, order: Sequence[int], state: State) -> None:
        self.graph, self.order = graph, list(order)
        self.state = copied(state)
        self.states, self.prices = [], []
        for v in order:
            self.states.append(copied(self.state))
            self.prices.append(graph.price(v, self.state))
            graph.eliminate(v, self.state)
        self.place = {v: n for n, v in enumerate(order)}
        self.mask = sum(1 << v for v in order)

    def improve(self, work: int, rng: random.Random) -> None:
        """Move vertices past others, half of them past a neighbour, where it costs no more."""
        limit = self.graph.work + work
        while self.graph.work < limit:
            self.graph.work += 1
            low = int(rng.random() * len(self.order))
            if rng.random() < 0.5:
                into, out = self.states[low][:2]
                v = self.order[low]
                near = bits((into[v] | out[v]) & self.mask)
                high = self.place[near[int(rng.random() * len(near))]] if near else low
            else:
                high = low + 1 + int(rng.expovariate(1 / 8))
            if low < high < len(self.order):
                stretch = self.order[low : high + 1]
                first = rng.random() < 0.5
                self._try(low, stretch[1:] + stretch[:1] if first else stretch[-1:] + stretch[:-1])

    def _try(self, low: int, stretch: Sequence[int]) -> None:
        graph, high = self.graph, low + len(stretch)
        left = sum(self.prices[low:high])
        state = copied(self.states[low])
        states, prices = [], []
        for v in stretch:
            price = graph.price(v, state)
            left -= price
            if left < 0:
                return
            states.append(copied(state))
            prices.append(price)
            graph.eliminate(v, state)
        self.order[low:high] = stretch
        self.states[low:high] = states
        self.prices[low:high] = prices
        for n, v in enumerate(stretch, low):
            self.place[v] = n


WINDOW = 400
"""Vertices of an order whose states are kept at once."""


def local_search(graph: Graph, order: Sequence[int], work: int, rng: random.Random) -> list[int]:
    """An order that is no worse, by moves; windows of a longer one overlap by half."""
    found = list(order)
    state = copied(graph.start)
    starts = range(0, max(1, len(found) - WINDOW // 2), WINDOW // 2)
    for low in starts:
        walk = Walk(graph, found[low : low + WINDOW], state)
        walk.improve(work // len(starts), rng)
        found[low : low + WINDOW] = walk.order
        for v in found[low : low + WINDOW // 2]:
            graph.eliminate(v, state)
    return found
