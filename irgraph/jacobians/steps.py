"""What a plan does, step by step: its order played again, with the cost of what each step emits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..autodiff.structure import flatten
from ..collector import without_collector
from ..dims import estimate, hinting
from ..graph import topological_order
from ..local_jacobian import Dense, Pick, Terms
from ..origin import carrying, here
from ..value import Node, Value
from .costing import Effort, Ledger, effort_of
from .cuts import tied_axes, width

if TYPE_CHECKING:
    from .linearize import Linearization
    from .plan import Candidate, JacobianPlan

Kind = Literal["forward", "backward", "multiply"]

LOCAL, RESULT = -1, -2


@dataclass(frozen=True)
class Step:
    """Vertices eliminated one after another in one way.

    Forward: what was accumulated on the side of the sources goes through local Jacobians; backward: what was
    accumulated on the side of the ends does; multiply: both sides were accumulated. `rows`, `inner` and
    `columns` are the sizes of the last product, for one instance of the axes that all of the Jacobian ties.
    """

    kind: Kind
    vertices: tuple[int, ...]
    rows: int
    inner: int
    columns: int
    effort: Effort


class _Single(NamedTuple):
    """The elimination of one vertex; `free` where it may count as the start of either sweep."""

    step: Step
    before: Sequence[int]
    after: Sequence[int]
    free: bool


@dataclass(frozen=True)
class Course:
    """All that a plan's nodes do: local Jacobians, the steps, and writing the result. Costs add up to those
    of the order."""

    local: Effort
    steps: tuple[Step, ...]
    result: Effort
    instances: int
    widths: dict[int, int]


@without_collector
def course(plan: JacobianPlan) -> Course:
    """The course of the plan's chosen order; where it is made in parts, that of the whole."""
    with hinting(plan.request.options.hints):
        return _Replay(plan).course()


def whole(plan: JacobianPlan) -> Candidate:
    """The candidate of the chosen order: itself, or what it is made of in parts."""
    if any(each is plan.chosen for each in plan.candidates):
        return plan.chosen
    return next(each for each in plan.candidates if each.order == plan.order)


def alternatives(plan: JacobianPlan) -> list[Candidate]:
    """All candidates, the chosen one first."""
    return [plan.chosen, *(each for each in plan.candidates if each is not plan.chosen)]


class _Replay:
    def __init__(self, plan: JacobianPlan) -> None:
        self.plan = plan
        self.left = plan.reduced.copy()
        linear = plan.reduced.linear
        bound = [linear.values[v] for v in (*linear.ends, *linear.sources)]
        self.ledger = Ledger(topological_order(bound))
        tied = tied_axes(self.left)
        every = (*linear.sources, *self.left.inner, *linear.ends)
        self.widths = {v: width(self.left, v, tied) for v in every}
        self.instances = _instances(linear, tied)
        self.made: set[tuple[int, int]] = set()  # the edges that are no local Jacobians any more
        self.made_in: dict[Node, int] = {}

    def course(self) -> Course:
        self.enter(_values(terms for edges in self.left.into.values() for terms in edges.values()), LOCAL)
        with carrying(here().derived("tangent")):
            found = [self.step(n, vertex) for n, vertex in enumerate(self.plan.order)]
        efforts = self.efforts()
        found = [one._replace(step=replace(one.step, effort=efforts[n])) for n, one in enumerate(found)]
        return Course(efforts[LOCAL], _joined(found), efforts[RESULT], self.instances, self.widths)

    def enter(self, values: Iterable[Value], n: int) -> None:
        self.made_in.update(dict.fromkeys(self.ledger.enter(values), n))

    def efforts(self) -> dict[int, Effort]:
        """The cost of the results' nodes, each counted where it was first made."""
        found = dict.fromkeys((LOCAL, *range(len(self.plan.order)), RESULT), Effort())
        for node in self.ledger.needed(flatten(whole(self.plan).results, "results")):
            found[self.made_in.get(node, RESULT)] += effort_of(node)
        return found

    def step(self, n: int, vertex: int) -> _Single:
        left, made, linear = self.left, self.made, self.plan.reduced.linear
        before, after = list(left.into[vertex]), sorted(left.out.get(vertex, ()))
        inner = any((u, vertex) in made for u in before)
        outer = any((vertex, v) in made for v in after)
        starts, ends = all(u in linear.sources for u in before), all(v in linear.ends for v in after)
        rows, columns = (sum(self.widths[v] for v in side) for side in (after, before))
        left.eliminate([vertex])
        made.update((u, v) for u in before for v in after)
        self.enter(_values(left.into[v].get(u, Terms()) for u in before for v in after), n)
        forth, back = (inner, outer) if inner or outer else (starts, ends)
        kind: Kind = "multiply" if forth == back else "forward" if forth else "backward"
        step = Step(kind, (vertex,), rows, self.widths[vertex], columns, Effort())
        return _Single(step, before, after, free=kind == "multiply" and not inner)


def _joined(singles: Iterable[_Single]) -> tuple[Step, ...]:
    """Sweeps in one direction as one step."""
    found: list[Step] = []
    last: _Single | None = None
    for one in singles:
        step = one.step
        if last is not None and _goes_on(last, one):
            vertices, effort = found[-1].vertices + step.vertices, found[-1].effort + step.effort
            found[-1] = replace(step, vertices=vertices, effort=effort)
        else:
            found.append(step)
        last = one
    return tuple(found)


def _goes_on(last: _Single, one: _Single) -> bool:
    """Whether one elimination sweeps on from the last."""
    (before,), (vertex,) = last.step.vertices, one.step.vertices
    if last.free:
        reached = {"forward": last.after, "backward": last.before}.get(one.step.kind, ())
        return vertex in reached
    if last.step.kind != one.step.kind:
        return False
    return vertex > before if one.step.kind == "forward" else one.step.kind == "backward" and vertex < before


def _values(terms: Iterable[Terms]) -> list[Value]:
    return [
        f.value if isinstance(f, Dense) else f.index
        for each in terms
        for term in each
        for f in term.factors
        if isinstance(f, Dense | Pick)
    ]


def _instances(linear: Linearization, tied: dict[int, tuple[int | None, ...]]) -> int:
    """How many equal chains lie beside each other: the size of the axes that all vertices tie."""
    if len(linear.sources) != 1:
        return 1
    source = linear.sources[0]
    count = 1
    for size, axis in zip(linear.values[source].shape, tied[source], strict=True):
        count *= 1 if axis is None else estimate(size)
    return count
