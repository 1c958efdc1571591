"""The Jacobian of every entry of a batch, where no op lets entries meet."""

from __future__ import annotations

from typing import Any

from ..collector import without_collector
from ..errors import DTypeError, GraphError, ShapeError, explain
from ..local_jacobian import Ravel, Term, Terms
from ..ops.constants import zeros
from ..origin import here
from ..value import Value
from .api import unreached
from .linearize import Linearization, linearize
from .options import Mode, Request
from .plan import Blocks, plan
from .products import added, product
from .sums import ties, written_out

BATCH = (0, 0)
"""The tie between axis 0 of the output and axis 0 of the input."""


def batch_jacobian(y: Value, x: Value, mode: Mode = "auto") -> Value:
    """The derivative of each entry of `y` towards the same entry of `x`: for `y` of shape (B, *m) and `x` of
    shape (B, *n) a value of shape (B, *m, *n).

    It takes as much work as one Jacobian for each entry, all of them at once; B may be a named dim. `mode` is
    as in `jacobian`. That entries do not meet is derived from the ops, whichever axis or reshape they go
    through on the way.

    Raises GraphError naming the op, and its line, that lets entries of the batch meet (a mean over the batch,
    batch normalization in training, a roll along it); ShapeError if `y` and `x` are not of one batch; and
    NotDifferentiableError as `jacobian` does.

    >>> from irgraph import constant, evaluate, input
    >>> x = input("x", ("n", 2))
    >>> J = batch_jacobian(x * x @ constant([[1.0], [10.0]]), x)
    >>> J.shape
    (n, 1, 2)
    >>> evaluate(J, x=[[1.0, 2.0], [3.0, 4.0]])
    array([[[ 2., 40.]],
    <BLANKLINE>
           [[ 6., 80.]]], dtype=float32)
    """
    _require_batch(y, x)
    request = Request(mode)

    def finish(blocks: Blocks) -> list[Any]:
        terms = blocks.get((0, 0), Terms())
        if not terms and 0 not in x.shape:
            raise unreached(x, [y])
        if any(BATCH not in ties(term) for term in terms):
            raise _entries_meet(y, x)
        return [_written(terms, y, x)]

    made: Value = plan([y], [x], request, finish).chosen.results[0]
    return made


def _written(terms: Terms, y: Value, x: Value) -> Value:
    if not terms:
        return zeros((*y.shape, *x.shape[1:]), y.dtype)
    return written_out(terms, y.dtype, kept=[BATCH])[0].astype(y.dtype)


def _require_batch(y: Value, x: Value) -> None:
    for what, value in (("y", y), ("x", x)):
        if not isinstance(value, Value):
            raise DTypeError(explain(f"{value!r} as {what}", "a graph value", here()))
    if not y.ndim or not x.ndim or y.shape[0] != x.shape[0]:
        raise ShapeError(explain(f"{y!r} and {x!r}", "one batch, as the first axis of both", here()))


@without_collector
def _entries_meet(y: Value, x: Value) -> GraphError:
    """The error that names the first op after which one entry depends on several of the batch."""
    linear = linearize([y], [x])
    vertex = _first_that_mixes(linear, y)
    if vertex is None:
        found = f"{y!r}, whose axis 0 is not that of {x!r}"
        return GraphError(explain(found, "the entries of the batch in one order", here(), "Move the axis."))
    node = linear.values[vertex].node
    return GraphError(
        explain(
            f"{node.op.name}, after which an entry depends on others of the batch of {x!r}",
            f"ops between it and {y!r} that keep entries apart",
            f"{node.origin}: {node.origin.source}",
            "Take irgraph.jacobian, or do without.",
        )
    )


def _first_that_mixes(linear: Linearization, y: Value) -> int | None:
    towards: dict[int, Terms] = {}
    (source,) = linear.sources
    vertices: list[int] = [*linear.inner, *linear.ends]
    for vertex in vertices:
        made: list[Term] = []
        for before, edge in linear.into.get(vertex, {}).items():
            made += edge if before == source else product(edge, towards[before], y.dtype)
        towards[vertex] = added(made, y.dtype)
        if not all(map(_keeps_apart, towards[vertex])):
            return vertex
    return None


def _keeps_apart(term: Term) -> bool:
    """Whether the position in the output tells that in the batch, through ties and reshapes."""
    known = {*term.out}
    ravels = [factor for factor in term.factors if isinstance(factor, Ravel)]
    for _ in ravels:
        for ravel in ravels:
            if known.issuperset(ravel.left) or known.issuperset(ravel.right):
                known.update(ravel.labels)
    return term.in_[0] in known
