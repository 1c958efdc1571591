"""Compiling a graph into a function."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .autodiff.structure import Tree, flatten, paths, rebuild
from .collector import without_collector
from .compiler.memory_report import MemoryReport, report_memory
from .compiler.pipeline import Program, Report, bind, lower
from .compiler.plan import Plan
from .compiler.protocol import Executor, PreparedPlan
from .errors import ExecutorError, FeedError, GraphError, explain
from .executor import as_executor
from .feeds import Feeds, Shapes
from .graph import Graph, Update, name_outputs
from .op import Cost
from .origin import here
from .state import State
from .value import Value

CACHED_PLANS = 8  # bindings of the named dims whose memory is kept


class Function:
    """A compiled graph. Call it with feeds by name; it returns what `outputs` looked like.

    One call at a time: a second concurrent call raises ExecutorError.
    """

    def __init__(
        self,
        outputs: Tree,
        graph: Graph,
        inputs: Mapping[str, Value],
        program: Program,
        state: State,
        executor: Executor,
        check: bool,
    ) -> None:
        self.graph = graph
        self.inputs = dict(inputs)  # what a call is fed, those that the graph does not read included
        self.program = program
        self.state = state
        self.executor = executor
        self._outputs = outputs
        self._check = check
        self._feeds = Feeds(inputs, program.names, getattr(executor, "as_feed", lambda fed: None))
        order = [self._feeds.names.index(name) for name in program.graph.inputs]
        self._pick = None if order == list(range(len(self._feeds.names))) else order
        self._prepared: OrderedDict[Shapes, tuple[Shapes, Plan, PreparedPlan]] = OrderedDict()
        self._known: dict[object, tuple[Shapes, Plan, PreparedPlan]] = {}  # by shapes and dtypes that fit
        self._lock = threading.Lock()

    def __call__(self, /, *positional: Any, out: Any = None, **feeds: Any) -> Any:
        """Run one step: compute, then commit all updates of the state at once.

        Feeds are checked by name, shape and dtype before anything runs. Results are fresh arrays, or `out`
        (shaped as the outputs) filled. Raises FeedError for feeds that do not fit; the state is then as
        before the call, as it is whatever else fails. An exception from outside (Ctrl-C) leaves the
        state as before the step or as after it, never between.

        A large result is the memory that it was computed in, not a copy; later calls use it again only when
        neither the array nor a view of it is held.
        """
        if self._lock.locked():
            raise ExecutorError(
                "found a call of a function that is still running; needed one call at a time.\n"
                "  Compile one function for each thread; they can share one state."
            )
        if positional:
            raise FeedError(
                explain(f"{len(positional)} feeds without a name", f"feeds by name: {self._feeds}")
            )
        state = self.state
        with self._lock, state.lock:
            state.require_idle("a step")
            try:
                state.stepping = True
                fed, (_, plan, run) = self._accept(feeds)
                results = run(fed) if out is None else run(fed, self._into(out, plan))
            finally:
                state.stepping = False
        outputs = self._outputs
        return results[0] if isinstance(outputs, Value) else rebuild(outputs, results, plan.sizes)

    def plan(self, **sizes: int) -> Plan:
        """The plan for some sizes of the named dims, without running anything."""
        return bind(self.program, self._feeds.complete(sizes), self.executor)

    def memory(self, **sizes: int) -> MemoryReport:
        """What a step needs: the arena, large results beside it, the nodes live at the peak, the formula.

        For the given sizes, else those of the last call. Raises FeedError where a size is missing.
        """
        if not sizes and self._prepared:
            _, plan, prepared = next(reversed(self._prepared.values()))
            return report_memory(plan, self.program.schedule, self.state, prepared.arena_nbytes)
        return report_memory(self.plan(**sizes), self.program.schedule, self.state, None)

    def cost(self) -> Cost:
        """Flops and bytes of one step, in the named dims."""
        return self.program.graph.cost()

    def report(self) -> Report:
        """What each compiler pass changed."""
        return self.program.report

    def __repr__(self) -> str:
        results = ", ".join(map(str, (value.type for value in self.graph.outputs)))
        return f"<Function ({self._feeds}) -> {results} on {self.executor.name}>"

    def _repr_svg_(self) -> str | None:
        from .view.notebook import as_svg

        return as_svg(self)

    def _repr_html_(self) -> str:
        from .view.notebook import as_html

        return as_html(self)

    # ---------------------------------------------------------------------------------- binding

    def _accept(self, feeds: Mapping[str, Any]) -> tuple[list[Any], tuple[Shapes, Plan, PreparedPlan]]:
        """The feeds in the order of the plan, and the plan prepared for their shapes.

        Arrays of shapes and dtypes that were fed before need no second check.
        """
        try:
            arrays = [feeds[name] for name in self._feeds.names]
            signature = tuple([(array.shape, array.dtype) for array in arrays])
            found = self._known.get(signature) if len(feeds) == len(arrays) else None
        except (KeyError, AttributeError, TypeError):  # a name is missing, or something is no array
            signature, found = None, None
        if found is None:
            arrays = self._feeds.arrays(feeds)
            found = self._bind(tuple([array.shape for array in arrays]))
            if signature is not None and self._feeds.fit_by_dtype(arrays):
                self._known[signature] = found
        self._prepared.move_to_end(found[0])
        return arrays if self._pick is None else [arrays[position] for position in self._pick], found

    @without_collector
    def _bind(self, shapes: Shapes) -> tuple[Shapes, Plan, PreparedPlan]:
        if shapes in self._prepared:
            return self._prepared[shapes]
        plan = bind(self.program, self._feeds.sizes(shapes), self.executor)
        if len(self._prepared) >= CACHED_PLANS:
            self._known.clear()  # first: what it names must be prepared, whatever interrupts
            self._prepared.popitem(last=False)
        made = shapes, plan, self.executor.prepare(plan, self.state.arrays, self._check)
        self._prepared[shapes] = made
        return made

    def _into(self, out: Any, plan: Plan) -> list[Any]:
        """The arrays of `out` in the order of the outputs. Raises FeedError where they do not fit."""
        outputs = self._outputs
        try:
            if isinstance(outputs, Value):
                targets = [out]
            else:
                targets = [out[key] for key in outputs] if isinstance(outputs, Mapping) else list(out)
        except (TypeError, KeyError):
            targets = []
        expected = [(slot.layout.shape, slot.dtype.numpy) for slot in plan.outputs]
        if [(getattr(t, "shape", None), getattr(t, "dtype", None)) for t in targets] != expected:
            found = ", ".join(
                f"{t.dtype}{list(t.shape)}" if hasattr(t, "dtype") else repr(t) for t in targets
            )
            needed = ", ".join(f"{dtype}{list(shape)}" for shape, dtype in expected)
            raise FeedError(
                explain(
                    f"out arrays {found}" if targets else f"out of type {type(out).__name__}",
                    f"{needed}, in a structure like that of the outputs",
                    do="Nothing was run.",
                )
            )
        if not all(getattr(target.flags, "writeable", True) for target in targets) or _overlap(targets):
            raise FeedError(
                explain("out arrays that are read-only or share memory", "arrays of their own to write to")
            )
        return targets


def _overlap(arrays: Sequence[Any]) -> bool:
    return any(np.may_share_memory(a, b) for n, a in enumerate(arrays) for b in arrays[:n])


@without_collector
def compile(
    outputs: Tree,
    updates: Iterable[Update] | Mapping[Value, Value] = (),
    inputs: Sequence[Value] = (),
    state: State | None = None,
    seed: int = 0,
    executor: str | Executor = "numpy",
    check: bool = False,
    verify: bool = False,
) -> Function:
    """Compile values into a function of the inputs that they need.

    `outputs` is a value, a sequence or a dict; calls return the same structure. `updates` are pairs (state
    variable, new value), or a dict of them, as optimizers make them; updates that travel with values are
    added. `inputs` are fed although the outputs may not read them: they bind named dims, as `x` does for the
    gradient of a linear function of `x`, which does not depend on it. A `state` is shared; without one a
    new state starts from the initializers under `seed`.

    `check=True` raises NonFiniteError at the first node whose result is not finite. `verify=True` checks
    the graph before and after each compiler pass.

    Raises GraphError for names used twice or updates that clash, ExecutorError for an executor that is
    unknown or lacks kernels.

    >>> from irgraph import input
    >>> f = compile({"double": input("x", ("n",)) * 2})
    >>> f(x=[1.0, 2.0])
    {'double': array([2., 4.], dtype=float32)}
    """
    graph = _graph(outputs, updates)
    fed = _fed(graph, inputs)
    runner = as_executor(executor)
    program = lower(graph, runner, verify, commit_computes=not check)  # what is committed is checked before
    if state is None:
        state = State(runner.to_device, runner.to_host)
    state.admit(graph.states, seed)
    return Function(outputs, graph, fed, program, state, runner, check)


def _graph(outputs: Tree, updates: Iterable[Update] | Mapping[Value, Value]) -> Graph:
    """The user's graph, its updates looked at closely: they are easily written wrong."""
    values = flatten(outputs, "outputs")
    if not isinstance(updates, Iterable):
        raise GraphError(
            explain(f"updates={updates!r}", "pairs, e.g. updates=optimizer.minimize(loss)", here())
        )
    pairs: list[Any] = list(updates.items() if isinstance(updates, Mapping) else updates)
    for pair in pairs:
        if not (
            isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(value, Value) for value in pair)
        ):
            raise GraphError(explain(f"the update {pair!r}", "a pair (state variable, new value)", here()))
    if not isinstance(outputs, Mapping):
        return Graph(name_outputs(values), pairs)
    names = [name for key, each in outputs.items() for name in paths(each, str(key))]
    named = dict(zip(names, values, strict=True))
    if len(named) != len(values):
        raise GraphError(explain(f"the keys {list(outputs)!r}", "keys that differ as text"))
    return Graph(named, pairs)


def _fed(graph: Graph, declared: Sequence[Value]) -> dict[str, Value]:
    """The inputs by name: those declared, in their order, then the others that the graph reads."""
    for value in flatten(declared, "inputs"):
        if value.node.op.source != "input" or graph.inputs.get(str(value.node.op.label), value) is not value:
            found = f"{value!r} among the inputs"
            needed = "values of irgraph.input, of other names than those of other inputs"
            raise GraphError(explain(found, needed, value.node.origin, "Pass what irgraph.input returned."))
    fed = {str(value.node.op.label): value for value in declared} | graph.inputs
    if "out" in fed:
        raise GraphError(
            explain("an input named 'out'", "another name", fed["out"].node.origin, "Rename it.")
        )
    return fed


def evaluate(outputs: Tree, /, **feeds: Any) -> Any:
    """Compute values once, on NumPy: for trying things out. `compile` is for everything that runs twice.

    >>> from irgraph import input
    >>> evaluate(input("x") + 1, x=2.0)
    array(3., dtype=float32)
    """
    return compile(outputs)(**feeds)
