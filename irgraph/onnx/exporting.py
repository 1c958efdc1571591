"""From a graph to an ONNX model: the walk, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..autodiff.structure import Tree, flatten
from ..compiler.simplify import stabilize
from ..errors import ExportError, explain
from ..function import Function
from ..graph import Graph, expansion, name_outputs
from ..ops.update import WithUpdate
from ..state import State
from ..value import Node, Value
from .model import Naming, build
from .naming import choose_names, require_distinct_ends
from .sizes import named_axes
from .writer import Array, Writer

if TYPE_CHECKING:
    import onnx

OPSETS = range(18, 22)
SIZE_LIMIT = 2**31 - 1  # bytes of a protobuf message

Model = Function | Graph | Tree


def to_model(
    model: Model,
    state: State | None = None,
    opset: int = 18,
    *,
    name: str = "irgraph",
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """The ONNX model of a compiled function, of a graph, or of values, in plain `ai.onnx` ops.

    It has the graph as it was built: inputs, outputs and named values keep their names, named dims
    become symbolic dims, parameters become initializers with what the state holds now, and each node has
    the user's line in its metadata (`irgraph.origin`). A function brings its state; a graph or values
    with parameters need one. `metadata` goes into the model's properties.

    What `compile` rewrites for stability (the log of a softmax or sigmoid) is rewritten here too. Two
    differences are left: an index below 0 is an error here, and in ONNX counts from the end; and ONNX
    Runtime's ReduceMax and ArgMax pass over NaN.

    Raises ExportError for a graph that updates state, an op without ONNX form, a dtype that an ONNX op
    does not take, or an opset that is too low.

    >>> import irgraph as ig
    >>> model = to_model({"y": ig.relu(ig.input("x", ("batch", 3)))})
    >>> [node.op_type for node in model.graph.node], model.opset_import[0].version
    (['Relu'], 18)
    """
    if opset not in OPSETS:
        raise ExportError(explain(f"opset {opset}", f"one from {OPSETS[0]} to {OPSETS[-1]}"))
    graph, state = resolve(model, state)
    _require_no_updates(graph)
    graph = stabilize(graph)
    require_distinct_ends(graph)
    parameters = _parameters(graph, state)
    writer = Writer(named_axes(graph.inputs), opset)
    walk = _Walk(writer, graph)
    walk.run()
    _require_opset(writer)
    names = choose_names(walk.fixed, walk.wishes, writer.dtypes, writer.fallback)
    return build(graph, writer, parameters, Naming(names, walk.types), name, metadata or {})


def resolve(model: Model, state: State | None) -> tuple[Graph, State | None]:
    """The graph and the state that a user meant."""
    if isinstance(model, Function):
        if state is not None and state is not model.state:
            raise ExportError(
                explain(
                    "a function and another state", "one state", do="Pass function.graph with that state."
                )
            )
        return model.graph, model.state
    if isinstance(model, Graph):
        return model, state
    values = flatten(model, "the model to export")
    return Graph(
        {str(k): v for k, v in model.items()} if isinstance(model, Mapping) else name_outputs(values)
    ), state


def _require_no_updates(graph: Graph) -> None:
    carried = [v for node in graph.nodes if isinstance(node.op, WithUpdate) for v in node.inputs[1::2]]
    updated = list(dict.fromkeys([variable for variable, _ in graph.updates] + carried))
    if updated:
        names = ", ".join(repr(variable.label) for variable in updated[:4])
        raise ExportError(
            explain(
                f"a graph that updates state: {names}{', …' if len(updated) > 4 else ''}",
                "a graph for inference; training steps are not exported yet",
                updated[0].node.origin,
                "Export a function compiled without updates on the same state, "
                "e.g. compile(outputs, state=step.state).",
            )
        )


def _parameters(graph: Graph, state: State | None) -> dict[Value, Array]:
    """What the state holds now, for the variables that the graph reads."""
    if state is None and graph.states:
        first = next(iter(graph.states.values()))
        raise ExportError(
            explain(
                f"the parameter {first.label!r} and no state",
                "the state that holds its value",
                first.node.origin,
                "Export a compiled function, or pass state=.",
            )
        )
    contents: dict[Value, Array] = {}
    for name, value in graph.states.items():
        assert state is not None
        if state.type_of(name) != value.type:
            raise ExportError(
                explain(f"{name!r} as {state.type_of(name)} in the state", str(value.type), value.node.origin)
            )
        contents[value] = state[name]
    nbytes = sum(array.nbytes for array in contents.values())
    if nbytes > SIZE_LIMIT:
        raise ExportError(
            explain(f"{nbytes:,} bytes of parameters", "at most 2 GiB, the limit of one ONNX file")
        )
    return contents


def _require_opset(writer: Writer) -> None:
    highest = max(writer.records, key=lambda record: record.since, default=None)
    if highest is not None and highest.since > writer.opset:
        op, at = highest.for_node.op, highest.origin
        raise ExportError(
            explain(
                f"op {op.name!r}, whose ONNX form {highest.op_type} came with opset {highest.since}",
                f"ops of opset {writer.opset}, which was asked for",
                f"{at}: {at.source}",
                f"Export with opset={highest.since}.",
            )
        )


class _Walk:
    """Writes every node of a graph after its inputs; composite ops without a form as what they expand to.

    A stack instead of recursion: graphs are deep. `fixed` are the ids of inputs, parameters and outputs;
    `wishes` what the user called other values; `types` the values that ids stand for.
    """

    def __init__(self, writer: Writer, graph: Graph) -> None:
        self.writer = writer
        self.graph = graph
        self.fixed: dict[str, str] = {}
        self.wishes: dict[str, str] = {}
        self.types: dict[str, Value] = {}
        self._expansions: dict[Node, Sequence[Value]] = {}
        self._stack: list[tuple[Node, str, bool]] = []  # a node, its scope, whether its inputs are written

    def run(self) -> None:
        """Write the whole graph, then give the outputs their names."""
        for value in (*self.graph.inputs.values(), *self.graph.states.values()):
            id = self.writer.source(value)
            self.fixed[id] = value.label
        for root in self.graph.outputs:
            self._stack.append((root.node, "", False))
            while self._stack:
                self._step(*self._stack.pop())
        for name, value in zip(self.graph.output_names, self.graph.outputs, strict=True):
            self._end(name, value)

    def _step(self, node: Node, scope: str, ready: bool) -> None:
        if all(map(self.writer.has, node.outputs)):
            return
        if not ready:
            self._stack.append((node, scope, True))
            self._stack += [(value.node, scope, False) for value in reversed(node.inputs)]
            return
        self.writer.current, self.writer.scope = node, scope
        simpler = self._expansions.get(node)
        if simpler is not None:
            self._enter(node, [self.writer.read(value) for value in simpler])
            return
        ids = None if node.op.no_onnx else node.op.export(self.writer, node)
        if ids is not None:
            self._enter(node, ids)
            return
        simpler = self._expansions[node] = self._expand(node)
        self._stack.append((node, scope, True))
        inner = f"{scope}{node.name or node.op.name}/"
        self._stack += [(value.node, inner, False) for value in reversed(simpler)]

    def _expand(self, node: Node) -> Sequence[Value]:
        simpler = None if node.op.no_onnx else expansion(node)
        if simpler is None:
            raise ExportError(
                explain(
                    f"op {node.op.name!r}, which has no ONNX form: {node.op.no_onnx or 'it states none'}",
                    "ops with an ONNX form",
                    f"{node.origin}: {node.origin.source}",
                    "Export a graph without it, or give the op an export or an expand.",
                )
            )
        return simpler

    def _enter(self, node: Node, ids: Sequence[str]) -> None:
        """Let ids stand for the node's outputs; what the user named gets a tensor of its own."""
        for value, id in zip(node.outputs, ids, strict=True):
            name = node.name if node.name is None or len(ids) == 1 else f"{node.name}.{value.index}"
            if name and (id in self.fixed or id in self.wishes):
                id = self.writer.copy(id)
            if name:
                self.wishes[id] = name
            elif id not in self.fixed and id not in self.types and id not in self.writer.constants:
                self.writer.fallback[id] = f"{self.writer.scope}{node.op.name}"
            self.writer.enter(value, id)
            self.types.setdefault(id, value)

    def _end(self, name: str, value: Value) -> None:
        id = self.writer.read(value)
        if self.fixed.get(id) == name:
            return  # an input or parameter that is an output under its own name
        if id in self.fixed or id in self.writer.constants:
            self.writer.current, self.writer.scope = value.node, ""
            id = self.writer.copy(id)
        self.fixed[id] = name
