"""Compiling a graph into a function, and finding who runs it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import numpy as np

from .autodiff.structure import Tree, flatten, rebuild
from .compiler.memory_report import MemoryReport, report_memory
from .compiler.pipeline import Program, Report, bind, lower
from .compiler.plan import Plan
from .compiler.protocol import Executor, PreparedPlan
from .dims import Dim
from .dims import bind as bind_size
from .errors import ExecutorError, FeedError, GraphError, explain
from .graph import Graph, Update, name_outputs
from .op import Cost
from .state import State, misfit
from .types import TensorType, format_shape
from .value import Value

GROUP = "irgraph.executors"
CACHED_PLANS = 8  # bindings of the named dims whose memory is kept


@cache
def find_executor(name: str) -> Executor:
    """The executor that an installed package registered under this name.

    Raises ExecutorError for an unknown name (listing the installed ones), for two providers of one
    name, and for a provider whose import fails (chaining its error).
    """
    providers: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found = providers.setdefault(entry.name, [])
        if all(other.value != entry.value for other in found):
            found.append(entry)
    if name not in providers:
        installed = ", ".join(sorted(providers)) or "none"
        raise ExecutorError(
            explain(
                f"executor {name!r}", f"an installed one: {installed}", do="Install the package that has it."
            )
        )
    if len(providers[name]) > 1:
        rivals = " and ".join(entry.value for entry in providers[name])
        raise ExecutorError(explain(f"two providers of executor {name!r}, {rivals}", "one", do="Remove one."))
    (entry,) = providers[name]
    try:
        executor: Executor = entry.load()()
    except Exception as error:
        raise ExecutorError(
            explain(f"executor {name!r} ({entry.value}), whose import failed", "one that loads")
        ) from error
    return executor


@dataclass(frozen=True)
class _Feed:
    """One input, and what may be fed to it."""

    name: str
    type: TensorType
    origin: object
    dtype: np.dtype[Any]

    def array(self, fed: Any) -> np.ndarray[Any, Any]:
        """The fed value as an array of the right kind and rank."""
        if type(fed) is np.ndarray and fed.dtype == self.dtype and fed.ndim == len(self.type.shape):
            return fed
        try:
            array = np.asarray(fed)
        except ValueError as error:  # ragged lists
            found = f"a {type(fed).__name__} that is no array for input {self.name!r} ({error})"
            raise FeedError(explain(found, str(self.type), self.origin)) from None
        wrong = misfit(array, self.type, lenient=not hasattr(fed, "dtype"))
        if wrong:
            do = f'Convert it, e.g. with .astype("{self.type.dtype}").'
            raise FeedError(explain(f"{wrong[0]} for input {self.name!r}", wrong[1], self.origin, do))
        if array.ndim != len(self.type.shape):
            raise self.wrong_shape(array.shape)
        return array

    def wrong_shape(self, found: tuple[int, ...], why: str = "") -> FeedError:
        """The error for a fed shape."""
        return FeedError(
            explain(
                f"shape {found} for input {self.name!r}{why}",
                f"shape {format_shape(self.type.shape)}",
                self.origin,
            )
        )


class Function:
    """A compiled graph. Call it with feeds by name; it returns what `outputs` looked like.

    One call at a time: a second concurrent call raises ExecutorError.
    """

    def __init__(
        self,
        outputs: Tree,
        graph: Graph,
        program: Program,
        state: State,
        executor: Executor,
        check: bool,
    ) -> None:
        self.graph = graph
        self.program = program
        self.state = state
        self.executor = executor
        self._outputs = outputs
        self._check = check
        self._feeds = [_Feed(n, v.type, v.node.origin, v.dtype.numpy) for n, v in graph.inputs.items()]
        self._kept = [n for n, feed in enumerate(self._feeds) if feed.name in program.graph.inputs]
        self._order = _feed_order(self._feeds, program.graph)
        self._prepared: OrderedDict[tuple[tuple[int, ...], ...], tuple[Plan, PreparedPlan]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, /, *, out: Any = None, **feeds: Any) -> Any:
        """Run one step: compute, then commit all updates of the state at once.

        Feeds are checked by name, shape and dtype before anything runs. Results are fresh arrays, or `out`
        (shaped as the outputs) filled. Raises FeedError for feeds that do not fit; the state is then as
        before the call, as it is whatever else fails. An exception from outside (Ctrl-C) leaves the
        state as before the step or as after it, never between.
        """
        if self._lock.locked():
            raise ExecutorError(
                "found a call of a function that is still running; needed one call at a time.\n"
                "  Compile one function for each thread; they can share one state."
            )
        with self._lock, self.state.lock:
            self.state.require_idle("a step")
            try:
                self.state.stepping = True
                results = self._step(feeds, out)
            finally:
                self.state.stepping = False
        outputs = self._outputs
        return results[0] if isinstance(outputs, Value) else rebuild(outputs, results)

    def _step(self, feeds: Mapping[str, Any], out: Any) -> list[Any]:
        try:
            arrays = [feed.array(feeds[feed.name]) for feed in self._feeds]
        except KeyError:
            raise self._wrong_names(feeds) from None
        if len(feeds) != len(arrays):
            raise self._wrong_names(feeds)
        shapes = tuple([array.shape for array in arrays])
        if shapes in self._prepared:
            self._prepared.move_to_end(shapes)
            plan, run = self._prepared[shapes]
        else:
            plan, run = self._bind(shapes)
        fed = [arrays[position] for position in self._order]
        return run(fed) if out is None else run(fed, self._into(out, plan))

    def plan(self, **sizes: int) -> Plan:
        """The plan for some sizes of the named dims, without running anything."""
        return bind(self.program, self._complete(sizes), self.executor)

    def memory(self, **sizes: int) -> MemoryReport:
        """What a step needs: the arena's size, the nodes live at the peak, the formula in the named dims.

        For the given sizes, else those of the last call. Raises FeedError where a size is missing.
        """
        if not sizes and self._prepared:
            plan, prepared = next(reversed(self._prepared.values()))
            return report_memory(plan, self.program.schedule, self.state, prepared.arena_nbytes)
        return report_memory(self.plan(**sizes), self.program.schedule, self.state, None)

    def cost(self) -> Cost:
        """Flops and bytes of one step, in the named dims."""
        return self.program.graph.cost()

    def report(self) -> Report:
        """What each compiler pass changed."""
        return self.program.report

    def __repr__(self) -> str:
        inputs = ", ".join(f"{feed.name}: {feed.type}" for feed in self._feeds)
        results = ", ".join(map(str, (value.type for value in self.graph.outputs)))
        return f"<Function ({inputs}) -> {results} on {self.executor.name}>"

    # ---------------------------------------------------------------------------------- binding

    def _bind(self, shapes: tuple[tuple[int, ...], ...]) -> tuple[Plan, PreparedPlan]:
        plan = bind(self.program, self._sizes(shapes), self.executor)
        while len(self._prepared) >= CACHED_PLANS:
            self._prepared.popitem(last=False)
        made = plan, self.executor.prepare(plan, self.state.arrays, self._check)
        self._prepared[shapes] = made
        return made

    def _sizes(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        """The named dims that the fed shapes bind. Raises FeedError where they contradict the inputs."""
        sizes: dict[str, int] = {}
        source: dict[str, str] = {}
        for feed, shape in zip(self._feeds, shapes, strict=True):
            for wanted, size in zip(feed.type.shape, shape, strict=True):
                name = wanted.name if isinstance(wanted, Dim) else None
                if name is None:
                    continue
                if sizes.setdefault(name, size) != size:
                    raise feed.wrong_shape(
                        shape, f", so {name}={size}, but {source[name]!r} has {name}={sizes[name]}"
                    )
                source.setdefault(name, feed.name)
        self._complete(sizes)
        for feed, shape in zip(self._feeds, shapes, strict=True):
            if tuple(bind_size(size, sizes) for size in feed.type.shape) != shape:
                raise feed.wrong_shape(shape)
        return sizes

    def _complete(self, sizes: Mapping[str, int]) -> dict[str, int]:
        missing = sorted(self.program.names - sizes.keys())
        if missing:
            raise FeedError(
                explain(
                    f"no size for the named dims {', '.join(missing)}",
                    "a size for each",
                    do="Call the function once, or pass sizes, e.g. memory(batch=32); an input must have "
                    "each name as one of its sizes.",
                )
            )
        return dict(sizes)

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
        return targets

    def _wrong_names(self, feeds: Mapping[str, Any]) -> FeedError:
        known = {feed.name: feed for feed in self._feeds}
        missing = [f"{name}: {known[name].type}" for name in known if name not in feeds]
        unknown = [name for name in feeds if name not in known]
        found = " and ".join(
            part
            for part in (
                f"no feed for {', '.join(missing)}" if missing else "",
                f"a feed for {', '.join(map(repr, unknown))}, which is no input" if unknown else "",
            )
            if part
        )
        expected = ", ".join(f"{name}: {feed.type}" for name, feed in known.items()) or "no feeds"
        first = next((known[name].origin for name in known if name not in feeds), None)
        return FeedError(explain(found, expected, first, "Feed each input by its name."))


def _feed_order(feeds: Sequence[_Feed], lowered: Graph) -> list[int]:
    """For each input of the lowered graph, the position of its feed."""
    position = {feed.name: n for n, feed in enumerate(feeds)}
    return [position[name] for name in lowered.inputs]


def compile(
    outputs: Tree,
    updates: Iterable[Update] | Mapping[Value, Value] = (),
    state: State | None = None,
    seed: int = 0,
    executor: str | Executor = "numpy",
    check: bool = False,
    verify: bool = False,
) -> Function:
    """Compile values into a function of the inputs that they need.

    `outputs` is a value, a sequence or a dict; calls return the same structure. `updates` are pairs (state
    variable, new value), or a dict of them, as optimizers make them; updates that travel with values are
    added. A `state` is shared; without one a new state starts from the initializers under `seed`.
    `check=True` raises NonFiniteError at the first node whose result is not finite. `verify=True` checks
    the graph before and after each compiler pass.

    Raises GraphError for names used twice or updates that clash, ExecutorError for an executor that is
    unknown or lacks kernels.

    >>> from irgraph import input
    >>> f = compile({"double": input("x", ("n",)) * 2})
    >>> f(x=[1.0, 2.0])
    {'double': array([2., 4.], dtype=float32)}
    """
    values = flatten(outputs, "outputs")
    pairs: list[Any] = list(updates.items() if isinstance(updates, Mapping) else updates)
    for pair in pairs:
        if not (
            isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(value, Value) for value in pair)
        ):
            raise GraphError(explain(f"the update {pair!r}", "a pair (state variable, new value)"))
    named = {str(k): v for k, v in outputs.items()} if isinstance(outputs, Mapping) else name_outputs(values)
    graph = Graph(named, pairs)
    if "out" in graph.inputs:
        raise GraphError(
            explain("an input named 'out'", "another name", graph.inputs["out"].node.origin, "Rename it.")
        )
    runner = find_executor(executor) if isinstance(executor, str) else executor
    program = lower(
        graph, runner, verify, commit_computes=not check
    )  # every result is checked before the commit
    if state is None:
        state = State(runner.to_device, runner.to_host)
    state.admit(graph.states, seed)
    return Function(outputs, graph, program, state, runner, check)


def evaluate(outputs: Tree, /, **feeds: Any) -> Any:
    """Compute values once, on NumPy: for trying things out. `compile` is for everything that runs twice.

    >>> from irgraph import input
    >>> evaluate(input("x") + 1, x=2.0)
    array(3., dtype=float32)
    """
    return compile(outputs)(**feeds)
