"""The table of the GPU: which kernel runs an op. An op that is not here is expanded, or refused.

A kernel yields launches of generated code, and products for cuBLAS. It runs once for each shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from irgraph.control_flow.scan import Scan
from irgraph.dims import bind
from irgraph.op import Op
from irgraph.ops import (
    constants,
    cumulative,
    indexing,
    random,
    reduce,
    scatter,
    shape,
    slicing,
    sorting,
    taps,
)
from irgraph.ops.matmul import Matmul
from irgraph.ops.products import Prod
from irgraph.value import Node
from irgraph_array import KERNELS as SHARED
from irgraph_array import Kernel, parts_to_copy

from .elementwise import launch_copy, launch_fill, launch_iota, launch_op, launch_take
from .indexed import (
    launch_add_at,
    launch_check_finite,
    launch_check_index,
    launch_philox,
    launch_put_at,
)
from .products import launch_matmul
from .reductions import (
    Empty,
    extreme_of,
    launch_reduction,
    launch_scan,
    mean_of,
    position_of,
    product_of,
    sum_of,
)
from .scalars import EXPRESSIONS
from .sorting import launch_argsort
from .source import Array, Launch, Product, Routine, Verdict

Runnable = Launch | Product | Routine | Callable[[], object]
Action = Runnable | Verdict


@dataclass(frozen=True)
class CudaContext:
    """What a kernel may need besides its arrays: scratch memory, and how failed checks are told.

    `flag` holds the number of the first check of a step that failed, or a larger number; the check of this
    node has `number`.
    """

    xp: Any
    sizes: Mapping[str, int]
    node: Node
    empty: Empty
    flag: Array
    number: int


KERNELS: dict[type[Op], Kernel] = {}

NOT_YET: dict[str, str] = {
    **dict.fromkeys(
        ["real", "imag", "conj", "magnitude", "angle", "complex"], "the kernels are of real numbers"
    ),
}
"""Primitives without a kernel, and why. A graph that has one is refused by name when it is compiled."""

Launches = Callable[[CudaContext, Any, Sequence[Array], Sequence[Array]], Iterable[Action]]


def kernel(*ops: type[Op], single_pass: bool = False) -> Callable[[Launches], Launches]:
    """Enter a function into the table for some ops."""

    def register(function: Launches) -> Launches:
        for op in ops:
            KERNELS[op] = Kernel(function, single_pass)  # type: ignore[arg-type]  # launches become calls
        return function

    return register


@kernel(*EXPRESSIONS, single_pass=True)
def _elements(
    context: CudaContext, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    return launch_op(type(op), inputs, outputs[0])


@kernel(constants.Full)
def _full(
    context: CudaContext, op: constants.Full, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    number = op.number
    if op.times != 1:
        number = number * bind(op.times, context.sizes)
    if op.over != 1:
        over = bind(op.over, context.sizes)
        number = number / over if over else nan  # the mean of nothing
    return launch_fill(outputs[0], number)


@kernel(constants.Constant)
def _constant(
    context: CudaContext, op: constants.Constant, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    return launch_copy(context.xp.asarray(op.data.array), outputs[0])


@kernel(constants.Iota)
def _iota(
    context: CudaContext, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    return launch_iota(outputs[0])


@kernel(reduce.Sum, Prod, reduce.Mean, reduce.Max, reduce.Min)
def _reduce(
    context: CudaContext, op: reduce.Reduction, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x,), (out,) = inputs, outputs
    if isinstance(op, (reduce.Max, reduce.Min)):
        reducer = extreme_of(x, out, isinstance(op, reduce.Max))
    elif isinstance(op, Prod):
        reducer = product_of(x, out)
    else:
        reducer = mean_of(x, out) if isinstance(op, reduce.Mean) else sum_of(x, out)
    return launch_reduction(reducer, x, op.axes, out, context.empty)


@kernel(reduce.Argmax, reduce.Argmin)
def _position(
    context: CudaContext,
    op: reduce.Argmax | reduce.Argmin,
    inputs: Sequence[Array],
    outputs: Sequence[Array],
) -> Iterable[Action]:
    (x,), (out,) = inputs, outputs
    reducer = position_of(x, out, isinstance(op, reduce.Argmax))
    return launch_reduction(reducer, x, (op.axis,), out, context.empty)


@kernel(cumulative.Cumsum)
def _cumsum(
    context: CudaContext, op: cumulative.Cumsum, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    return launch_scan(inputs[0], op.axis, op.reverse, outputs[0])


@kernel(shape.Reshape)
def _reshape(
    context: CudaContext, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    """Only where the reshape is no view."""
    (x,), (out,) = inputs, outputs
    return launch_copy(x, out.reshape(x.shape))


@kernel(slicing.Pad)
def _pad(
    context: CudaContext, op: slicing.Pad, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x,), (out,) = inputs, outputs
    region = []
    for start, step, count in zip(op.starts, op.steps, x.shape, strict=True):
        first = bind(start, context.sizes)
        stop = first + step * count
        region.append(slice(first, None if stop < 0 else stop, step))
    yield from launch_fill(out, op.value)
    yield from launch_copy(x, out[tuple(region)])


@kernel(slicing.Concatenate)
def _concatenate(
    context: CudaContext, op: slicing.Concatenate, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    for part, x in parts_to_copy(op.axis, inputs, outputs[0]):
        yield from launch_copy(x, part)


@kernel(Matmul)
def _matmul(
    context: CudaContext, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (a, b), (out,) = inputs, outputs
    return launch_matmul(a, b, out, context.empty)


@kernel(indexing.CheckIndex)
def _check_index(
    context: CudaContext, op: indexing.CheckIndex, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    return launch_check_index(context.flag, context.number, inputs[0], bind(op.size, context.sizes))


@kernel(indexing.Take)
def _take(
    context: CudaContext, op: indexing.Take, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x, index), (out,) = inputs, outputs
    return launch_take(x, index, op.axis, out)


@kernel(indexing.AddAt)
def _add_at(
    context: CudaContext, op: indexing.AddAt, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (updates, index), (out,) = inputs, outputs
    return launch_add_at(updates, index, out, context.empty)


@kernel(scatter.PutAt)
def _put_at(
    context: CudaContext, op: scatter.PutAt, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x, index, updates), (out,) = inputs, outputs
    return launch_put_at(x, updates, index, out, op.mode, context.empty)


@kernel(sorting.Argsort)
def _argsort(
    context: CudaContext, op: sorting.Argsort, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x,), (out,) = inputs, outputs
    return launch_argsort(x, op.axis, op.descending, out, context.empty)


@kernel(random.Philox)
def _philox(
    context: CudaContext, op: random.Philox, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (key, step), (out,) = inputs, outputs
    return launch_philox(key, step, out, op.stream, op.bits)


KERNELS[taps.Tap] = SHARED[taps.Tap]  # calls the host

__all__ = ["KERNELS", "NOT_YET", "Action", "CudaContext", "Runnable", "kernel", "launch_check_finite"]


@kernel(Scan)
def _scan(
    context: CudaContext, op: Scan, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    """Nothing of its own: `loops.py` puts the body's launches in its place."""
    return ()
