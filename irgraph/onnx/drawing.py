"""Pictures of ONNX models, as they are: nothing is imported into irgraph's ops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, cast

from ..errors import IrgraphError, explain
from ..view.drawing import Picture, picture
from ..view.parts import KINDS, Kind, Layer, path_of
from ..view.sketch import Box, Sketch, Wire
from .model import ORIGIN, PHASE

if TYPE_CHECKING:
    import onnx

LONGEST_ATTRIBUTE = 28  # characters
MOST_ATTRIBUTES = 3
SHOWN = 4  # numbers: a constant of so many is written out


def draw(
    model: onnx.ModelProto | str | PathLike[str], path: str | PathLike[str] | None = None, **options: Any
) -> Picture:
    """A picture of an ONNX model or of the file that holds one, in the style of `irgraph.draw`.

    Initializers and constants are rows of the nodes that read them; layers are the paths in the names of
    nodes, or of the initializers that they read. The `options` are `depth`, `direction`, `shapes`, `legend`
    and `title` of `irgraph.draw`. Weights in files of their own are not read.

    Raises IrgraphError for a file that holds no model, MissingExtra without a layout program.

    >>> import irgraph as ig
    >>> model = ig.onnx.to_model({"y": ig.relu(ig.input("x", ("batch", 3)))})
    >>> "Relu" in draw(model).dot
    True
    """
    return picture(sketch(_loaded(model)), path, **options)


def _loaded(model: onnx.ModelProto | str | PathLike[str]) -> onnx.ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    if isinstance(model, onnx.ModelProto):
        return model
    try:
        loaded = onnx.load(fspath(model), load_external_data=False)
    except DecodeError as error:
        raise IrgraphError(explain(f"no ONNX model in {fspath(model)} ({error})", "an ONNX file")) from error
    if not loaded.graph.node and not loaded.graph.output:
        raise IrgraphError(explain(f"no graph in {fspath(model)}", "an ONNX model"))
    return loaded


def sketch(model: onnx.ModelProto) -> Sketch:
    """The boxes and wires of the model's main graph."""
    return _Sketcher(model).sketch()


class _Sketcher:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.types = _types(model)
        small = {t.name: t for t in self.graph.initializer if _product(t.dims) <= SHOWN and "/" not in t.name}
        self.inside: dict[str, str] = {t.name: _sizes(t.dims) for t in self.graph.initializer}
        self.inside |= {name: _content(tensor) for name, tensor in small.items()}
        self.inside |= {
            node.output[0]: _constant(node) for node in self.graph.node if node.op_type == "Constant"
        }
        self.numbers = {t.name: _product(t.dims) for t in self.graph.initializer if t.name not in small}
        self.variables = {path_of(name) for name in self.numbers}
        self.layer: dict[str, Layer] = {}  # of each value
        self.key: dict[str, str] = {}  # the box that makes each value
        self.kind: dict[str, Kind] = {}  # of each value
        self.boxes: list[Box] = []
        self.wires: list[Wire] = []

    def sketch(self) -> Sketch:
        for position, value in enumerate(self.graph.input):
            if value.name not in self.inside:
                self.key[value.name] = f"i{position}"
                rows = tuple(filter(None, [self.types.get(value.name, "")]))
                self.boxes.append(
                    Box(f"i{position}", "input", value.name, rows, f"input {value.name}", end=True)
                )
        for position, node in enumerate(self.graph.node):
            if node.op_type != "Constant":
                self.box(f"n{position}", node)
        for position, value in enumerate(self.graph.output):
            kind = self.kind.get(value.name, "forward")
            self.boxes.append(Box(f"o{position}", kind, value.name, (), f"output {value.name}", end=True))
            self.wire(value.name, f"o{position}")
        return Sketch(self.boxes, self.wires)

    def box(self, key: str, node: onnx.NodeProto) -> None:
        read = [name for name in [*node.input, *_outer_reads(node)] if name]
        layer = self.layer_of(node, read)
        inside = [name for name in read if name in self.inside]
        told = [
            f"{'/'.join(path_of(name)[len(layer) :]) or name}  {self.inside[name]}".strip()
            if name in self.numbers
            else self.inside[name]
            for name in inside
        ]
        metadata = {entry.key: entry.value for entry in node.metadata_props}
        phase = metadata.get(PHASE)
        kind = cast(Kind, phase) if phase in KINDS else "forward"
        origin = metadata.get(ORIGIN, "")
        operands = ", ".join(node.input)
        tooltip = "\n".join(
            filter(None, [origin, node.name, f"{node.op_type}({operands}) -> {', '.join(node.output)}"])
        )
        variables = frozenset((name, self.numbers[name]) for name in inside if name in self.numbers)
        self.boxes.append(
            Box(key, kind, node.op_type, (*_attributes(node), *told), tooltip, layer, variables=variables)
        )
        for name in read:
            if name not in self.inside:
                self.wire(name, key)
        for name in node.output:
            self.key[name], self.layer[name], self.kind[name] = key, layer, kind

    def layer_of(self, node: onnx.NodeProto, read: list[str]) -> Layer:
        """By the node's own path, else by those of the weights that it reads; one input hands its own on."""
        own = path_of(node.name)[:-1]
        weights = [path_of(name)[:-1] for name in read if name in self.numbers]
        weights = [path[:-1] if path in self.variables else path for path in weights]  # w/velocity is of w's
        data = [name for name in read if name not in self.inside]
        found = next(filter(None, weights), self.layer.get(data[0], ()) if len(data) == 1 else ())
        return found if own in self.variables or not own else own

    def wire(self, name: str, target: str) -> None:
        if name in self.key:  # else the model is not valid, and what is there is drawn
            label = self.types.get(name, "")
            self.wires.append(Wire(self.key[name], target, label, f"{name} : {label}" if label else name))


def _types(model: onnx.ModelProto) -> dict[str, str]:
    """The types of values, in short, as far as ONNX can infer them."""
    import onnx

    with suppress(onnx.shape_inference.InferenceError, ValueError):  # not valid, or larger than 2 GiB
        model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    return {v.name: _type(v.type) for v in [*graph.input, *graph.value_info, *graph.output]}


def _type(type: onnx.TypeProto) -> str:
    import onnx

    tensor = type.tensor_type
    if not tensor.elem_type:
        return ""
    name = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    sizes = [d.dim_param or (str(d.dim_value) if d.HasField("dim_value") else "?") for d in tensor.shape.dim]
    shape = "×".join(sizes) or ("scalar" if tensor.HasField("shape") else "?")
    return shape if name == "float" else f"{shape} {name}"


def _sizes(dims: Any) -> str:
    return "×".join(map(str, dims)) or "scalar"


def _product(dims: Any) -> int:
    total = 1
    for size in dims:
        total *= size
    return total


def _constant(node: onnx.NodeProto) -> str:
    """A small constant's content, else its sizes."""
    from onnx import helper

    value = helper.get_attribute_value(node.attribute[0])
    if not hasattr(value, "dims"):
        return str(value)[:LONGEST_ATTRIBUTE]
    return _content(value) if _product(value.dims) <= SHOWN else f"constant  {_sizes(value.dims)}"


def _content(tensor: onnx.TensorProto) -> str:
    """The numbers of a small tensor; its name where they are in another file."""
    from onnx import numpy_helper

    if tensor.external_data:
        return tensor.name
    numbers = numpy_helper.to_array(tensor).reshape(-1).tolist()
    return " ".join(f"{n:.6g}" if isinstance(n, float) else str(n) for n in numbers)


def _attributes(node: onnx.NodeProto) -> list[str]:
    """The short ones; of a body how many nodes it has."""
    from onnx import helper

    texts = []
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.HasField("g"):
            texts.append(f"{attribute.name}: {len(attribute.g.node)} nodes")
        elif not hasattr(value, "dims"):
            value = value.decode(errors="replace") if isinstance(value, bytes) else value
            texts.append(
                f"{attribute.name}={value:.6g}" if isinstance(value, float) else f"{attribute.name}={value}"
            )
    return [text for text in texts if len(text) <= LONGEST_ATTRIBUTE][:MOST_ATTRIBUTES]


def _outer_reads(node: onnx.NodeProto) -> Iterator[str]:
    """What the bodies of a node read of the graph around them."""
    bodies = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    while bodies:
        body = bodies.pop()
        own = {value.name for value in body.input} | {tensor.name for tensor in body.initializer}
        for inner in body.node:
            yield from (name for name in inner.input if name and name not in own)
            own.update(inner.output)
            bodies += [attribute.g for attribute in inner.attribute if attribute.HasField("g")]
