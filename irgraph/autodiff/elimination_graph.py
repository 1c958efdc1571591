"""The graph of a vertex elimination while it goes on, in rows of bits: a step is a few operations.

Row `into[v]` has a bit for each vertex with an edge to v, row `out[v]` for each vertex with an edge from it.
Eliminating v joins its row to those of its neighbours; a copy of a state is a copy of lists. What is left
after some vertices does not depend on their order: there is an edge from u to w where a path leads through
eliminated vertices alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

KINDS = ("1", "-1", "c", "x")
"""What an edge holds: one, minus one, another constant, a variable."""

State = tuple[list[int], ...]


@lru_cache(maxsize=1 << 16)
def bits(mask: int) -> tuple[int, ...]:
    """The places of the ones.

    >>> bits(0b10110)
    (1, 2, 4)
    """
    places = []
    while mask:
        low = mask & -mask
        places.append(low.bit_length() - 1)
        mask ^= low
    return tuple(places)


class Graph:
    """Vertices 0, 1, … in topological order, those in `inner` to be eliminated; counts all products.

    `start` is the state before any elimination, `work` the number of rows that eliminations have changed.
    """

    def __init__(
        self, sizes: Sequence[int], edges: Mapping[tuple[int, int], str], inner: Sequence[int]
    ) -> None:
        self.sizes, self.inner = sizes, inner
        self.work = 0
        groups: dict[int, int] = {}
        for v, size in enumerate(sizes):
            groups[size] = groups.get(size, 0) | 1 << v
        self._groups = () if set(groups) <= {1} else tuple(groups.items())
        self.start = self._rows(edges)

    def _rows(self, edges: Mapping[tuple[int, int], str]) -> State:
        return self._row_pair(edges)

    def _row_pair(self, edges: Mapping[tuple[int, int], str]) -> State:
        into, out = [0] * len(self.sizes), [0] * len(self.sizes)
        for u, v in edges:
            into[v] |= 1 << u
            out[u] |= 1 << v
        return into, out

    def weight(self, mask: int) -> int:
        """The sizes of all vertices of a row."""
        if not self._groups:
            return mask.bit_count()
        return sum(size * (mask & group).bit_count() for size, group in self._groups)

    def products(self, v: int, state: State) -> int:
        """All multiplications of eliminating a vertex now."""
        return self.sizes[v] * self.weight(state[0][v]) * self.weight(state[1][v])

    def price(self, v: int, state: State) -> int:
        """Those that count."""
        return self.products(v, state)

    def eliminate(self, v: int, state: State) -> None:
        """Replace the paths through a vertex by edges past it."""
        into, out = state
        sources, targets, others = into[v], out[v], ~(1 << v)
        for w in bits(targets):
            into[w] = (into[w] | sources) & others
        for u in bits(sources):
            out[u] = (out[u] | targets) & others
        self.work += sources.bit_count() + targets.bit_count()

    def cost(self, order: Sequence[int]) -> int:
        """The multiplications of a whole order."""
        state, total = copied(self.start), 0
        for v in order:
            total += self.price(v, state)
            self.eliminate(v, state)
        return total


class KindGraph(Graph):
    """Counts the products that are not of two constants; has rows of variables and of ±1 beside those of all.

    An edge that stays the only path keeps its kind; where paths meet, constants add to a constant.
    """

    def _rows(self, edges: Mapping[tuple[int, int], str]) -> State:
        variable = {edge: kind for edge, kind in edges.items() if kind == "x"}
        unit = {edge: kind for edge, kind in edges.items() if kind in ("1", "-1")}
        return *self._row_pair(edges), *self._row_pair(variable), *self._row_pair(unit)

    def price(self, v: int, state: State) -> int:
        into, out, variable_in, variable_out, _, _ = (rows[v] for rows in state)
        constants = self.weight(into & ~variable_in) * self.weight(out & ~variable_out)
        return self.sizes[v] * (self.weight(into) * self.weight(out) - constants)

    def eliminate(self, v: int, state: State) -> None:
        into, out, variable_in, variable_out, unit_in, unit_out = state
        sources, targets = into[v], out[v]
        _join(v, targets, into, variable_in, unit_in)
        _join(v, sources, out, variable_out, unit_out)
        self.work += 3 * (sources.bit_count() + targets.bit_count())


class NontrivialGraph(KindGraph):
    """Counts the products that are neither of two constants nor by ±1."""

    def price(self, v: int, state: State) -> int:
        into, out, variable_in, variable_out, unit_in, unit_out = (rows[v] for rows in state)
        into &= ~unit_in
        out &= ~unit_out
        constants = self.weight(into & ~variable_in) * self.weight(out & ~variable_out)
        return self.sizes[v] * (self.weight(into) * self.weight(out) - constants)


def _join(v: int, neighbours: int, rows: list[int], variable: list[int], unit: list[int]) -> None:
    """In one direction: the row of v, times the edge that leads to it, is added to each neighbour's."""
    row, bit = rows[v], 1 << v
    for w in bits(neighbours):
        made_variable = row if variable[w] & bit else variable[v]
        made_unit = unit[v] & ~rows[w] if unit[w] & bit else 0
        unit[w] = (unit[w] & ~row | made_unit) & ~bit
        variable[w] = (variable[w] | made_variable) & ~bit
        rows[w] = (rows[w] | row) & ~bit


def copied(state: State) -> State:
    """A state to eliminate in."""
    return tuple([rows.copy() for rows in state])
