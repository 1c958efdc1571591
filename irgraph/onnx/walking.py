"""The walk over a graph that writes every node."""

from __future__ import annotations

from collections.abc import Sequence

from ..compiler.widen import computes_low, widened
from ..errors import ExportError, explain
from ..graph import expansion
from ..value import Node, Value
from .ends import Ends
from .writer import Record, Writer


def _fails_in_float16(record: Record) -> bool:
    """Whether ONNX Runtime on the CPU refuses the node in float16, or, as TopK, truncates numbers."""
    return record.op_type == "TopK" or "reduction" in record.attributes


class Walk:
    """Writes every node of a graph after its inputs; composite ops without a form as what they expand to.

    A stack instead of recursion: graphs are deep. `fixed` are the ids of inputs, parameters and outputs;
    `wishes` what the user called other values; `types` the values that ids stand for.
    Raises ExportError naming every op without a form, once the whole graph was walked.
    """

    def __init__(self, writer: Writer, ends: Ends) -> None:
        self.writer = writer
        self.ends = ends
        self.fixed: dict[str, str] = {}
        self.wishes: dict[str, str] = {}
        self.types: dict[str, Value] = {}
        self._expansions: dict[Node, Sequence[Value]] = {}
        self._missing: dict[str, Node] = {}  # the first node of each op without a form
        self._stack: list[tuple[Node, str, bool]] = []  # a node, its scope, whether its inputs are written
        writer.write_all = self.write_inside

    def run(self) -> None:
        """Write the whole graph, then give outputs and new values of state their names."""
        for value in (*self.ends.inputs.values(), *self.ends.states):
            id = self.writer.source(value)
            self.fixed[id] = value.label
        for root in self.ends.results.values():
            self._stack.append((root.node, "", False))
            while self._stack:
                self._step(*self._stack.pop())
        self._require_forms()
        for name, value in self.ends.results.items():
            self._end(name, value)

    def write_inside(self, values: Sequence[Value]) -> None:
        """Write what a graph within a node consists of, while that node is being written."""
        outer = self._stack, self._expansions
        scope = f"{self.writer.scope}{self.writer.current.name or self.writer.current.op.name}/"
        self._stack, self._expansions = [(value.node, scope, False) for value in reversed(values)], {}
        while self._stack:
            self._step(*self._stack.pop())
        self._stack, self._expansions = outer

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
        ids = self._form(node)
        if ids is not None:
            self._enter(node, ids)
            return
        simpler = self._expand(node)
        if simpler is None:
            self._missing.setdefault(node.op.name, node)
            self._enter(
                node, [self.writer.source(value) for value in node.outputs]
            )  # to go on and find others
            return
        self._expansions[node] = simpler
        self._stack.append((node, scope, True))
        inner = f"{scope}{node.name or node.op.name}/"
        self._stack += [(value.node, inner, False) for value in reversed(simpler)]

    def _form(self, node: Node) -> Sequence[str] | None:
        """The node in its op's own form; None where there is none, or not for its low precision."""
        if node.op.no_onnx:
            return None
        if computes_low(node) is None:
            return node.op.export(self.writer, node)
        mark = self.writer.mark()
        try:
            ids = node.op.export(self.writer, node)
        except ExportError:  # ONNX has no such form in this dtype
            ids = None
        if ids is None or any(map(_fails_in_float16, self.writer.since(mark))):
            self.writer.forget(mark)
            return None
        return ids

    def _expand(self, node: Node) -> Sequence[Value] | None:
        """The node from simpler ones: those of low precision in float32, to be rounded once."""
        if node.op.no_onnx:
            return None
        return widened(node, node.inputs) if computes_low(node) else expansion(node)

    def _require_forms(self) -> None:
        if not self._missing:
            return
        reasons = [
            f"{name!r} ({node.op.no_onnx or 'it states none'}; at {node.origin}: {node.origin.source})"
            for name, node in self._missing.items()
        ]
        ops = f"op {reasons[0]}" if len(reasons) == 1 else f"ops {', '.join(reasons)}"
        raise ExportError(
            explain(
                f"{ops} without ONNX form",
                "ops with an ONNX form",
                do="Export a graph without them, or give each an export or an expand.",
            )
        )

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
