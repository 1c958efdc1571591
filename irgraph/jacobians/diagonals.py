"""The diagonal of a Jacobian without the rest of it.

The last product is never formed: with all other vertices eliminated, the Jacobian is `outer · inner` past
one vertex, and its diagonal takes one multiplication for each element of `inner`, not for each of its
columns.
Which vertex is last is chosen by what the nodes cost.
"""

from __future__ import annotations

from ..collector import without_collector
from ..dims import estimate, product
from ..graph import topological_order
from ..local_jacobian import Term
from ..origin import carrying, here
from ..value import Value
from .accumulate import Accumulation
from .costing import effort
from .linearize import linearize
from .links import linked
from .result import diagonal_of

TRIED = 12
"""Vertices that are tried as the last; the narrowest are taken."""


@without_collector
def diagonal(end: Value, source: Value) -> Value:
    """The elements of the derivative of `end` towards `source` at equal positions, in their common shape."""
    with carrying(here().derived("tangent")):
        linear = linearize([end], [source])
        reduced = Accumulation(linear, linear.into, end.dtype)
        reduced.eliminate_light()
        known = topological_order([end, source])
        narrow = sorted(reduced.inner, key=lambda v: estimate(product(linear.values[v].shape)))
        tried: list[int | None] = [*narrow[:TRIED]] or [None]
        found = [_past(reduced.copy(), last, end) for last in tried]
        return min(found, key=lambda value: effort([value], known).seconds)


def _past(left: Accumulation, last: int | None, end: Value) -> Value:
    """The diagonal, with one vertex that is not eliminated: what lies before it goes forward, what lies
    behind it in reverse.
    """
    inner = left.inner
    left.eliminate([v for v in inner if last is not None and v < last])
    left.eliminate([v for v in reversed(inner) if last is not None and v > last])
    (source,), (stop,) = left.linear.sources, left.linear.ends
    arriving = left.into.get(stop, {})
    terms: list[Term] = list(arriving.get(source, ()))
    if last is not None:
        pairs = [(a, b) for a in arriving.get(last, ()) for b in left.into[last].get(source, ())]
        terms += [term for a, b in pairs if (term := linked(a, b)) is not None]
    return diagonal_of(terms, end.type)
