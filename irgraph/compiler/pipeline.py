"""The compiler, top to bottom.

Once, on named dims: collect → the passes on loops → rewrite → widen (low precision only) → expand → rewrite →
fold → dedupe → require kernels → fuse → schedule. Once for each binding of the dims: bind → memory, then the
executor prepares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..dims import Guard, names_of
from ..errors import ExecutorError, explain
from ..graph import Graph
from ..op import Op
from ..region import all_graphs, all_values, count_nodes, in_regions
from ..tables import Table
from ..value import Node
from ..verify import verify
from .fold import fold
from .loops import LOOP_PASSES, has_loops
from .memory import check_guards, plan
from .passes import collect_updates, dedupe, expand, fuse, isolate, isolate_carries
from .plan import Plan
from .protocol import Executor
from .schedule import Schedule, schedule
from .simplify import simplify
from .widen import widen


@dataclass(frozen=True)
class PassReport:
    """What one pass changed."""

    name: str
    before: int
    after: int
    applied: dict[str, int]

    def __str__(self) -> str:
        return f"{self.name:<10} {self.before:>7} -> {self.after:<7} {self.details}".rstrip()

    @property
    def details(self) -> str:
        """What was applied, and how often."""
        return ", ".join(f"{name} x{count}" for name, count in self.applied.items())


@dataclass
class Report:
    """The passes of one compilation, in order; prints as a table of node counts, as HTML in notebooks."""

    passes: list[PassReport] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(["pass         nodes", *map(str, self.passes)])

    def __rich__(self) -> Table:
        rows = [(each.name, str(each.before), str(each.after), each.details) for each in self.passes]
        return Table("", (("pass", "<"), ("nodes", ">"), ("after", ">"), ("applied", "<")), rows)

    def _repr_html_(self) -> str:
        return self.__rich__()._repr_html_()


@dataclass(frozen=True)
class Program:
    """A compiled graph on named dims, waiting for numbers.

    `assumed` holds what shape inference assumed, of the user's nodes and of those that passes made.
    """

    graph: Graph
    schedule: Schedule
    report: Report
    assumed: dict[Guard, Node]
    names: frozenset[str]  # the named dims that must be bound


def lower(graph: Graph, executor: Executor, checked: bool = False, commit_computes: bool = True) -> Program:
    """The shape-generic phase. `checked` verifies the graph before and after each pass; without
    `commit_computes` the commit only copies, so that every result exists before it.

    Raises ExecutorError, naming all of them, where the executor lacks kernels.
    """
    report = Report()
    settled: set[Node] = set()
    given = graph

    def run(name: str, transform: Callable[[Graph], Graph], applied: Counter[str] | None = None) -> None:
        nonlocal graph
        before = count_nodes(graph)
        graph = transform(in_regions(graph, transform))
        if checked:
            verify(graph)
        report.passes.append(PassReport(name, before, count_nodes(graph), dict(applied or {})))

    def rewrite() -> None:
        applied: Counter[str] = Counter()

        def transform(graph: Graph) -> Graph:
            simpler, found = simplify(graph, settled)
            applied.update(found)
            return simpler

        run("rewrite", transform, applied)

    if checked:
        verify(graph)
    run("collect", collect_updates)
    for name, transform in LOOP_PASSES if has_loops(graph) else ():
        run(name, transform)
    rewrite()
    if any(value.dtype.is_low for value in all_values(graph)):
        run("widen", lambda graph: widen(graph, getattr(executor, "rounds_once", None)))
    run("expand", lambda graph: expand(graph, executor.has_kernel))
    rewrite()
    run("fold", lambda graph: fold(graph, evaluate_constants))
    run("dedupe", dedupe)
    run("isolate", isolate)
    require(graph, executor)
    run("fuse", fuse)
    order = schedule(graph, lambda op: commit_computes and _is_infallible(op, executor))
    assumed = _guards(graph) | _guards(given)
    return Program(graph, order, report, assumed, _names(graph, assumed))


def _guards(graph: Graph) -> dict[Guard, Node]:
    """What was assumed of the named dims, and the first node for which it was."""
    return {guard: node for node in reversed(graph.nodes) for guard in node.guards}


def _names(graph: Graph, assumed: dict[Guard, Node]) -> frozenset[str]:
    sizes = [size for node in graph.nodes for value in node.outputs for size in value.shape]
    return names_of([*sizes, *(size for guard in assumed for size in (guard.left, guard.right))])


def bind(program: Program, sizes: dict[str, int], executor: Executor) -> Plan:
    """The phase for one binding of the named dims. Raises FeedError where it breaks a guard."""
    check_guards(program.assumed, sizes)
    hands_over = getattr(executor, "hands_over", None)
    return plan(program.schedule, sizes, lambda op: executor.is_single_pass(type(op)), hands_over)


def require(graph: Graph, executor: Executor) -> None:
    """Raise ExecutorError unless the executor has a kernel for every op that is more than a view."""
    missing = {
        node.op.name: node
        for each in all_graphs(graph)
        for node in each.nodes
        if not (node.op.source or node.op.view_only or executor.has_kernel(type(node.op)))
    }
    if missing:
        first = next(iter(missing.values()))
        raise ExecutorError(
            explain(
                f"no kernels for {', '.join(sorted(missing))} in executor {executor.name!r}",
                "a kernel for every primitive op",
                f"{first.origin}: {first.origin.source}",
                "Register kernels, give the op an expand(), or choose another executor.",
            )
        )


def _is_infallible(op: Op, executor: Executor) -> bool:
    return op.view_only or executor.is_single_pass(type(op))


def evaluate_constants(graph: Graph) -> list[np.ndarray[Any, Any]]:
    """The outputs of a graph without feeds or state, computed on NumPy."""
    from ..executor import find_executor

    numpy = find_executor("numpy")
    graph = in_regions(graph, lambda region: isolate_carries(dedupe(expand(region, numpy.has_kernel))))
    expanded = dedupe(expand(graph, numpy.has_kernel))
    order = schedule(expanded, lambda op: _is_infallible(op, numpy))
    run = numpy.prepare(plan(order, {}, lambda op: numpy.is_single_pass(type(op))), {})
    return run([])
