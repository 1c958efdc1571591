"""What the ONNX standard says of an op: the opsets that have it, the dtypes it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import onnx
from onnx.defs import OpSchema

from ..errors import ExportError, explain
from ..types import DTYPES, DType

OPSETS = range(18, 22)
_SPELLED = {"float32": "float", "float64": "double"}
ONNX_NAMES = {dtype: f"tensor({_SPELLED.get(name, name)})" for name, dtype in DTYPES.items()}
FROM_ONNX_NAME = {spelled: dtype for dtype, spelled in ONNX_NAMES.items()}


def tensor_type(dtype: DType) -> int:
    """The number of a dtype in the protobuf."""
    return int(onnx.helper.np_dtype_to_tensor_dtype(dtype.numpy))


@cache
def schema_of(op_type: str, opset: int) -> OpSchema:
    """The op's schema in an opset. Raises ExportError where there is no such op."""
    try:
        return onnx.defs.get_schema(op_type, opset)
    except onnx.defs.SchemaError as error:
        raise ExportError(explain(f"the ONNX op {op_type!r}", f"an op of opset {opset}")) from error


@cache
def forms(
    op_type: str, dtypes: tuple[DType | None, ...], attributes: frozenset[str], since: int, outputs: int = 1
) -> tuple[tuple[int, ...], tuple[DType, ...]]:
    """The opsets from `since` on that have this op with these inputs and attributes, and its outputs' dtypes.

    Raises ExportError where there is none.
    """
    found: dict[int, tuple[DType, ...]] = {}
    for opset in OPSETS:
        try:
            if opset >= since and attributes <= schema_of(op_type, opset).attributes.keys():
                found[opset] = result_dtypes(op_type, dtypes, opset, outputs)
        except ExportError:
            if opset == OPSETS[-1] and not found:
                raise
    if not found:
        written = f"ONNX's {op_type} with the attributes {', '.join(sorted(attributes)) or 'none'}"
        raise ExportError(explain(written, f"a form that opset {max(since, OPSETS[0])} to {OPSETS[-1]} has"))
    return tuple(found), next(iter(found.values()))


def result_dtypes(
    op_type: str, dtypes: Sequence[DType | None], opset: int, outputs: int
) -> tuple[DType, ...]:
    """The dtypes of an op's first outputs for those of its inputs (None: left out).

    Raises ExportError where the op does not take them.
    """
    schema = schema_of(op_type, opset)
    if len(dtypes) > schema.max_input:
        raise ExportError(explain(f"{len(dtypes)} inputs of ONNX's {op_type}", f"{schema.max_input}"))
    found: dict[str, DType] = {}
    for position, dtype in enumerate(dtypes):
        if dtype is None:
            continue
        formal = schema.inputs[min(position, len(schema.inputs) - 1)]
        wanted = found.setdefault(formal.type_str, dtype)
        if ONNX_NAMES[dtype] not in formal.types or wanted != dtype:
            raise ExportError(
                explain(f"{dtype} for {formal.name!r} of ONNX's {op_type}", _accepted(formal.types))
            )
    return tuple([_output_dtype(formal, found) for formal in schema.outputs[:outputs]])


def _output_dtype(formal: OpSchema.FormalParameter, found: Mapping[str, DType]) -> DType:
    if formal.type_str in found:
        return found[formal.type_str]
    (only,) = formal.types
    return FROM_ONNX_NAME[only]


def _accepted(types: set[str]) -> str:
    names = [name for name, dtype in DTYPES.items() if ONNX_NAMES[dtype] in types]
    return "one of " + ", ".join(names)
