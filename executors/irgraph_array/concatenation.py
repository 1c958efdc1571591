"""Concatenation: a copy of each part that was not computed in its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from irgraph.ops.slicing import Concatenate

from .table import Array, Call, Context, assign, kernel


@kernel(Concatenate)
def _concatenate(
    context: Context, op: Concatenate, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    for part, x in parts_to_copy(op.axis, inputs, outputs[0]):
        yield assign(part, x)


def parts_to_copy(axis: int, inputs: Sequence[Array], out: Array) -> Iterable[tuple[Array, Array]]:
    """Pairs (place in the result, input), without the inputs that lie there already."""
    start = 0
    for x in inputs:
        stop = start + x.shape[axis]
        part = out[(slice(None),) * axis + (slice(start, stop),)]
        if not _is_same_memory(part, x):
            yield part, x
        start = stop


def _is_same_memory(a: Array, b: Array) -> bool:
    """Whether two arrays of one shape and dtype have each element at one address. False where the array
    module does not tell: a copy onto itself does no harm."""
    if a.size == 0:
        return True
    address = _address(a)
    if address is None or address != _address(b):
        return False
    one, other = [[step for size, step in zip(a.shape, x.strides, strict=True) if size > 1] for x in (a, b)]
    return one == other


def _address(array: Array) -> int | None:
    found: Any = getattr(array, "__array_interface__", None)
    found = found or getattr(array, "__cuda_array_interface__", None)
    return None if found is None else int(found["data"][0])
