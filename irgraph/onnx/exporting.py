"""From a graph to an ONNX model: what is asked for, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..autodiff.structure import Tree, flatten
from ..compiler.passes import collect_updates
from ..dims import bind
from ..errors import ExportError, explain
from ..function import Function
from ..graph import Graph, name_outputs
from ..origin import here
from ..state import State
from ..value import Value
from .ends import PAIRING, Ends, require_distinct
from .model import Naming, build
from .naming import choose_names
from .preparing import prepared
from .schema import OPSETS
from .sizes import named_axes
from .walking import Walk
from .writer import Array, Writer

if TYPE_CHECKING:
    import onnx

SIZE_LIMIT = 2**31 - 1  # bytes of a protobuf message

Model = Function | Graph | Tree


def to_model(
    model: Model,
    state: State | None = None,
    opset: int | None = None,
    *,
    state_inputs: Iterable[str] = (),
    name: str = "irgraph",
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """The ONNX model of a compiled function, of a graph, or of values, in plain `ai.onnx` ops.

    Inputs, outputs and named values keep their names, named dims become symbolic dims, and each node has
    the user's line in its metadata (`irgraph.origin`). A function brings its state; a graph or values with
    parameters need one. State that is only read becomes initializers with what the state holds now.

    A graph that updates state (an optimizer's, `with_update`, random ops) becomes a model of one whole
    step. Each variable `w` that it updates is an input `w` with what the state holds now as its default, and
    an output `w.next`; the model's property `irgraph.state` has these pairs as JSON. Variables in
    `state_inputs` that are only read (a learning rate, say) become such inputs too, without an output.

    Without an `opset` the model gets the lowest of 18 to 21 that has all forms of its ops. A graph without
    updates is exported as it was built; a step is simplified as `compile` does. What `compile` rewrites for
    stability (the log of a softmax or sigmoid) is rewritten in both. Two differences are left: an index
    below 0 is an error here, and in ONNX counts from the end; and ONNX Runtime's ReduceMax and ArgMax pass
    over NaN. `metadata` goes into the model's properties.

    Raises ExportError, naming all of them, for ops without ONNX form; for a dtype that an ONNX op does not
    take, an opset that is too low, names that clash, and more than 2 GiB.

    >>> import irgraph as ig
    >>> model = to_model({"y": ig.relu(ig.input("x", ("batch", 3)))})
    >>> [node.op_type for node in model.graph.node], model.opset_import[0].version
    (['Relu'], 18)
    """
    if opset is not None and opset not in OPSETS:
        raise ExportError(explain(f"opset {opset!r}", f"one from {OPSETS[0]} to {OPSETS[-1]}", here()))
    if metadata and PAIRING in metadata:
        raise ExportError(
            explain(f"{PAIRING!r} in the metadata", "other keys; this one pairs state", do="Rename it.")
        )
    meant = resolve(model, state)
    _require_real(meant.graph)
    graph = prepared(meant.graph)
    require_distinct(graph, meant.inputs)
    ends = Ends(graph, meant.inputs, _contents(meant), _settable(meant.graph, state_inputs))
    writer = Writer(named_axes(meant.inputs), opset or OPSETS[0])
    walk = Walk(writer, ends)
    walk.run()
    names = choose_names(walk.fixed, walk.wishes, writer.dtypes, writer.fallback)
    naming = Naming(names, walk.types)
    return build(ends, writer, _choose_opset(writer, opset), naming, name, metadata or {})


def _require_real(graph: Graph) -> None:
    """Raise ExportError for complex numbers anywhere."""
    found = next((v for node in graph.nodes for v in node.outputs if v.dtype.is_complex), None)
    if found is not None:
        at = found.node.origin
        raise ExportError(
            explain(
                f"complex numbers, first {found!r}",
                "real ones: ONNX has complex tensors, but hardly an op that takes them",
                f"{at}: {at.source}",
                "Build the graph on real and imaginary parts to export it.",
            )
        )


class Meant(NamedTuple):
    """What a user meant: a graph that has all its updates itself, what it is fed, the state."""

    graph: Graph
    inputs: Mapping[str, Value]
    state: State | None


def resolve(model: Model, state: State | None) -> Meant:
    """The graph of a function or of values, and the state that belongs to it."""
    if isinstance(model, Function):
        if state is not None and state is not model.state:
            raise ExportError(
                explain(
                    "a function and another state", "one state", do="Pass function.graph with that state."
                )
            )
        return Meant(collect_updates(model.graph), model.inputs, model.state)
    if isinstance(model, Graph):
        graph = model
    else:
        values = flatten(model, "the model to export")
        graph = Graph(
            {str(k): v for k, v in model.items()} if isinstance(model, Mapping) else name_outputs(values)
        )
    graph = collect_updates(graph)
    return Meant(graph, graph.inputs, state)


def _contents(meant: Meant) -> dict[Value, Array]:
    """What the state holds now, for the variables that the graph reads or updates."""
    graph, _, state = meant
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
    if state is None:
        return {}
    for name, value in graph.states.items():
        if state.type_of(name) != value.type:
            raise ExportError(
                explain(f"{name!r} as {state.type_of(name)} in the state", str(value.type), value.node.origin)
            )
    nbytes = sum(bind(value.type.nbytes, {}) for value in graph.states.values())
    if nbytes > SIZE_LIMIT:
        raise ExportError(explain(f"{nbytes:,} bytes of state", "at most 2 GiB, the limit of one ONNX file"))
    with state.lock:  # not half of a step that another thread commits
        return {value: state[name] for name, value in graph.states.items()}


def _settable(graph: Graph, wanted: Iterable[str]) -> list[Value]:
    """The state variables that become inputs: what is updated, and what was asked for."""
    if isinstance(wanted, str):
        wanted = (wanted,)
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in graph.states]
    if unknown:
        known = ", ".join(map(repr, graph.states)) or "none"
        raise ExportError(explain(f"state_inputs {unknown!r}", f"state variables of the graph: {known}"))
    return list(
        dict.fromkeys([*(variable for variable, _ in graph.updates), *(graph.states[n] for n in wanted)])
    )


def _choose_opset(writer: Writer, wanted: int | None) -> int:
    """The opset asked for, else the lowest that has all forms that were written."""
    for opset in OPSETS if wanted is None else (wanted,):
        if all(opset in record.opsets for record in writer.all_records()):
            return opset
    late = [record for record in writer.all_records() if wanted is None or wanted not in record.opsets]
    last = max(late, key=lambda record: record.opsets[0])
    asked = f"forms of opset {wanted}, which was asked for"
    raise ExportError(
        explain(
            f"op {last.for_node.op.name!r}, whose ONNX form {last.op_type} is of opset {last.opsets[0]}",
            "forms that are of one opset" if wanted is None else asked,
            f"{last.origin}: {last.origin.source}",
            "" if wanted is None else f"Export with opset={last.opsets[0]}, or without opset=.",
        )
    )
