"""The `OnnxWriter` that ops export themselves with: a list of ONNX nodes under provisional ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..dims import Shape
from ..errors import ExportError
from ..origin import Origin
from ..types import DType
from ..value import Node, Value
from .loops import Subgraph, write_scan
from .schema import OPSETS, forms, tensor_type
from .sizes import Axis, SizeWriter

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Record:
    """One ONNX node to be; `for_node` is the graph node that it was written for."""

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    opsets: tuple[int, ...]  # that have this form
    for_node: Node

    @property
    def origin(self) -> Origin:
        """The user's line."""
        return self.for_node.origin


class Writer:
    """Collects nodes and initializers. Equal nodes are written once, unless the user named one.

    `current` is the graph node that is being exported; `scope` names the composite op that it is part of;
    `opset` is the one that was asked for, else the lowest.
    """

    def __init__(self, axes: Mapping[str, Axis], opset: int = OPSETS[0]) -> None:
        self.opset = opset
        self.records: list[Record] = []
        self.constants: dict[str, Array] = {}
        self.dtypes: dict[str, DType] = {}
        self.fallback: dict[str, str] = {}  # what an id is called where nobody named it
        self.current: Node
        self.scope = ""
        self.inner: set[str] = set()  # ids that only graphs within nodes have
        self._ids: dict[Value, str] = {}
        self.write_all: Callable[[Sequence[Value]], None]  # what the walk does: values and all that they need
        self._written: dict[object, tuple[list[Record], int]] = {}  # the place of the record
        self._shared_constants: dict[object, str] = {}
        self._sizes = SizeWriter(self, axes)

    def enter(self, value: Value, id: str) -> None:
        """Let an id stand for a value."""
        self._ids[value] = id

    def source(self, value: Value) -> str:
        """An id for a value that no node computes: an input or an initializer of the user's."""
        id = self._new_id(value.dtype, value.label)
        self.enter(value, id)
        return id

    def has(self, value: Value) -> bool:
        """Whether the value is written."""
        return value in self._ids

    def copy(self, id: str) -> str:
        """The same tensor under an id of its own."""
        return self._write("Identity", (id,), {}, tuple(OPSETS), (self.dtypes[id],), shared=False)[0]

    def mark(self) -> tuple[int, int]:
        """What is written by now, for `forget`."""
        return len(self.records), len(self._shared_constants)

    def since(self, mark: tuple[int, int]) -> list[Record]:
        """The nodes that were written since a mark."""
        return self.records[mark[0] :]

    def forget(self, mark: tuple[int, int]) -> None:
        """Undo what was written since a mark."""
        records, constants = mark
        del self.records[records:]
        where = self.records
        self._written = {k: at for k, at in self._written.items() if at[0] is not where or at[1] < records}
        while len(self._shared_constants) > constants:
            del self.constants[self._shared_constants.popitem()[1]]

    @contextmanager
    def inside(self) -> Iterator[list[Record]]:
        """Write into a graph within a node. It sees what is outside, and nobody sees what it has."""
        outer = self.records, self._ids, self._written, self.current, self.scope
        self.records, self._ids, self._written = [], dict(self._ids), dict(self._written)
        try:
            yield self.records
        finally:
            self.inner.update(id for record in self.records for id in record.outputs)
            self.records, self._ids, self._written, self.current, self.scope = outer

    def all_records(self) -> Iterator[Record]:
        """All nodes, also those within others."""
        stack = self.records[::-1]
        while stack:
            record = stack.pop()
            yield record
            for attribute in record.attributes.values():
                if isinstance(attribute, Subgraph):
                    stack += attribute.records

    def write(
        self, op_type: str, inputs: tuple[str, ...], attributes: dict[str, Any], dtypes: tuple[DType, ...]
    ) -> tuple[str, ...]:
        """Write a node that all opsets have, whose outputs have these dtypes."""
        return self._write(op_type, inputs, attributes, tuple(OPSETS), dtypes)

    # -------------------------------------------------------------------- the protocol of ops

    def scan(self, node: Node) -> Sequence[str]:
        """Write a scan with its body and return the ids of its outputs."""
        return write_scan(self, self.write_all, node)

    def read(self, value: Value) -> str:
        """The id of a value that is already written."""
        return self._ids[value]

    def node(self, op_type: str, /, *inputs: str, since: int = 1, **attributes: Any) -> str:
        """Write a node with one output and return its id. Raises ExportError for dtypes it does not take."""
        return self.nodes(op_type, *inputs, outputs=1, since=since, **attributes)[0]

    def nodes(
        self, op_type: str, /, *inputs: str, outputs: int, since: int = 1, **attributes: Any
    ) -> tuple[str, ...]:
        """Write a node with several outputs and return their ids. Raises ExportError as `node` does."""
        dtypes = tuple([self.dtypes[id] if id else None for id in inputs])
        try:
            opsets, results = forms(op_type, dtypes, frozenset(attributes), since, outputs)
        except ExportError as error:
            at = self.current.origin
            raise ExportError(f"{self.current.op.name}: {error}\n  At {at}: {at.source}") from None
        return self._write(op_type, inputs, attributes, opsets, results)

    def constant(self, content: object, dtype: DType) -> str:
        """The id of an initializer with this content; equal ones are shared."""
        array = np.array(content, dtype.numpy, order="C")
        key = (dtype, array.shape, array.tobytes())
        if key not in self._shared_constants:
            id = self._shared_constants[key] = self._new_id(dtype, "constant")
            self.constants[id] = array
        return self._shared_constants[key]

    def sizes(self, shape: Shape) -> str:
        """The id of a 1-D int64 tensor with these sizes."""
        return self._sizes.vector(shape)

    def cast(self, name: str, dtype: DType) -> str:
        """Write a cast; nothing where the dtype is right."""
        if self.dtypes[name] == dtype:
            return name
        return self._write("Cast", (name,), {"to": tensor_type(dtype)}, tuple(OPSETS), (dtype,))[0]

    # -------------------------------------------------------------------------------- inside

    def _write(
        self,
        op_type: str,
        inputs: tuple[str, ...],
        attributes: dict[str, Any],
        opsets: tuple[int, ...],
        dtypes: tuple[DType, ...],
        shared: bool = True,
    ) -> tuple[str, ...]:
        key = (
            op_type,
            inputs,
            tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in attributes.items()),
        )
        fallback = f"{self.scope}{self.current.op.name}/{op_type}"
        if shared and key in self._written and self.current.name is None:
            where, at = self._written[key]
            record = where[at]
            missing = dtypes[len(record.outputs) :]  # what the first user of the node did not ask for
            if missing:
                outputs = (*record.outputs, *[self._new_id(dtype, fallback) for dtype in missing])
                record = where[at] = replace(record, outputs=outputs)
            return record.outputs[: len(dtypes)]
        ids = tuple([self._new_id(dtype, fallback) for dtype in dtypes])
        self._written[key] = self.records, len(self.records)
        self.records.append(Record(op_type, inputs, ids, attributes, opsets, self.current))
        return ids

    def _new_id(self, dtype: DType, fallback: str) -> str:
        id = f"%{len(self.dtypes)}"
        self.dtypes[id] = dtype
        self.fallback[id] = fallback
        return id
