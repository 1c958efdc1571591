"""Jacobians: the public functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..autodiff.structure import Tree, flatten
from ..errors import GraphError, NotDifferentiableError, explain
from ..local_jacobian import Terms
from ..origin import here
from ..value import Value
from .low_rank import kept_apart
from .options import Format, Mode, PlanOptions, Request
from .plan import Blocks, JacobianPlan, plan
from .result import Jacobian


def jacobian(
    y: Tree,
    wrt: Tree,
    mode: Mode = "auto",
    format: Format = "auto",
    memory: int | None = None,
    options: PlanOptions | None = None,
) -> Any:
    """The derivative of `y` towards `wrt`, accumulated in the order that costs least; see `plan_jacobian`.

    A `Jacobian`, which keeps its structure; `format="dense"` gives an ordinary value of shape
    `y.shape + wrt.shape` instead. For lists and dicts the result is nested, that of `y` outside, and all
    blocks are planned together.

    `mode` is "forward", "reverse", the order of a plan's vertices, or "auto". Of the formats, "structured"
    holds one array for each term, "factored" leaves products of low rank apart, "auto" does so where that
    takes less than a quarter of the memory, and the result of a compiled "sparse" one is a SciPy CSR matrix
    of shape (y.size, wrt.size).

    `memory` is a hard limit in bytes on all that is computed at once, forward pass included, named dims at
    their hints: where no order fits, the Jacobian is made in parts, one after the other. `options` choose
    by measurement, and give the hints.

    Raises NotDifferentiableError for dtypes other than floats, where a path needs a derivative that does not
    exist, and for a value of `wrt` on which no `y` depends; GraphError for an unknown mode or format, or an
    order that is no permutation of the plan's vertices, and a limit that nothing fits, with the least that
    would.

    >>> from irgraph import constant, evaluate, input
    >>> x = input("x", (2,))
    >>> A = constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> evaluate(jacobian(A @ (x * x), x, format="dense"), x=[1.0, 0.5])
    array([[ 2.,  2.],
           [ 6.,  4.],
           [10.,  6.]], dtype=float32)
    """
    return results(y, wrt, plan_jacobian(y, wrt, mode, format, memory, options))


def results(y: Tree, wrt: Tree, made: JacobianPlan) -> Any:
    """What a plan made, in the structure of `y` outside and of `wrt` inside."""
    found = iter(made.chosen.results)
    return _nested(y, lambda: _nested(wrt, lambda: _with_plan(next(found), made)))


def plan_jacobian(
    y: Tree,
    wrt: Tree,
    mode: Mode = "auto",
    format: Format = "auto",
    memory: int | None = None,
    options: PlanOptions | None = None,
) -> JacobianPlan:
    """How `jacobian` with the same arguments accumulates, why, and what other orders would have cost.

    >>> from irgraph import input, tanh
    >>> x = input("x", (3,))
    >>> plan_jacobian(tanh(x).sum(), x).chosen.name
    'reverse'
    """
    return planned(
        flatten(y, "y"), flatten(wrt, "wrt"), Request(mode, format, memory, options or PlanOptions())
    )


def planned(
    ends: Sequence[Value], sources: Sequence[Value], request: Request, zeros: bool = False
) -> JacobianPlan:
    """The plan for values in a row. With `zeros` a source on which no end depends has a Jacobian of zeros."""
    if not ends or not sources:
        raise GraphError(explain("an empty y or wrt", "one value at least in each", here()))

    def finish(blocks: Blocks) -> list[Any]:
        for u, source in enumerate(sources):
            if not zeros and 0 not in source.shape and not any((v, u) in blocks for v in range(len(ends))):
                raise unreached(source, ends)
        made: list[Any] = []
        for v, end in enumerate(ends):
            for u, source in enumerate(sources):
                block = Jacobian(blocks.get((v, u), Terms()), end.type, source.type, request.format)
                made.append(block.todense() if request.format == "dense" else block.stored())
        return made

    return kept_apart(plan(ends, sources, request, finish), finish)


def _nested(tree: Tree, leaf: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _nested(value, leaf) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_nested(value, leaf) for value in tree]
    return leaf()


def _with_plan(result: Any, made: JacobianPlan) -> Any:
    if isinstance(result, Jacobian):
        result.plan = made
    return result


def unreached(source: Value, ends: Sequence[Value]) -> NotDifferentiableError:
    """The error for a source that no end depends on."""
    names = " or ".join(end.label for end in ends)
    return NotDifferentiableError(
        explain(
            f"wrt {source!r}, built at {source.node.origin}, towards which {names} has no derivative",
            "a path along which a derivative flows",
            here(),
            "Leave it out; its Jacobian is zero.",
        )
    )
