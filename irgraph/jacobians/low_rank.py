"""Jacobians past a narrow vertex, kept as `outer · inner`: their last product is not formed where its factors
are smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..autodiff.structure import flatten
from ..collector import without_collector
from ..dims import estimate, hinting
from ..graph import topological_order
from ..local_jacobian import Terms
from ..origin import carrying, here
from .accumulate import Accumulation, Pair
from .costing import effort
from .cuts import tied_axes, width
from .links import linked
from .plan import Blocks, Candidate, Finish, JacobianPlan

SMALLER = 4
"""How many times less memory than the product the factors take, if the format leaves the choice."""


@without_collector
def kept_apart(made: JacobianPlan, finish: Finish) -> JacobianPlan:
    """The plan with the product past its narrowest vertex left as it is, where the format takes factors and
    they are enough smaller; else the plan itself.

    An order that was given decides itself which vertex is last. Limits of memory choose among whole results.
    """
    request, given = made.request, made.chosen.name == "given"
    wanted = request.format == "factored" or (request.format == "auto" and request.mode == "auto")
    if not wanted or request.memory is not None:
        return made
    with carrying(here().derived("tangent")), hinting(request.options.hints):
        order = made.order if given else _towards_the_narrowest(made.reduced)
        if not order:
            return made
        linear, left = made.reduced.linear, made.reduced.copy()
        left.eliminate(order[:-1])
        results = finish(_blocks(left, order[-1]))
        least = 1 if request.format == "factored" else SMALLER
        if least * _nbytes(results) > _nbytes(made.chosen.results):
            return made
        known = topological_order([linear.values[v] for v in (*linear.ends, *linear.sources)])
        cost = effort(flatten(results, "results"), known)
    chosen = Candidate(f"{made.chosen.name}, the last product apart", order, cost, results)
    return replace(made, chosen=chosen, candidates=(*made.candidates, chosen))


def _towards_the_narrowest(reduced: Accumulation) -> tuple[int, ...]:
    """What lies before the vertex of the least width in forward order, what lies behind it in reverse, and it
    last. Nothing where factors can't be smaller than their product.
    """
    linear, tied = reduced.linear, tied_axes(reduced)
    widths = {v: width(reduced, v, tied) for v in (*linear.sources, *reduced.inner, *linear.ends)}
    rows, columns = (sum(widths[v] for v in side) for side in (linear.ends, linear.sources))
    narrow = min(reduced.inner, key=lambda v: widths[v], default=None)
    if narrow is None or widths[narrow] * (rows + columns) >= rows * columns:
        return ()
    before = [v for v in reduced.inner if v < narrow]
    behind = [v for v in reversed(reduced.inner) if v > narrow]
    return (*before, *behind, narrow)


def _blocks(left: Accumulation, last: int) -> Blocks:
    """The Jacobians when one vertex is left: the sums past it are not carried out."""
    found: dict[Pair, Terms] = {}
    first = left.linear.ends.start
    for v in left.linear.ends:
        edges = left.into[v]
        for u in left.linear.sources:
            pairs = [(a, b) for a in edges.get(last, ()) for b in left.into[last].get(u, ())]
            terms = [term for a, b in pairs if (term := linked(a, b)) is not None]
            if terms or u in edges:
                found[v - first, u] = Terms([*edges.get(u, ()), *terms])
    return found


def _nbytes(results: Sequence[Any]) -> int:
    return sum(estimate(result.nbytes) for result in results)
