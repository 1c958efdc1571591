"""Kernels that compute each element by itself: scalar operations, copies, fills, and gathering."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgraph.op import Op
from irgraph.types import as_dtype

from .low_precision import LOW_TYPES
from .scalars import expression
from .source import (
    LOOP,
    THREADS,
    Array,
    Launch,
    Source,
    Strides,
    blocks_for,
    broadcast,
    c_type,
    collapse,
    integer,
    strides,
)

NARROW = 1 << 31


@dataclass(frozen=True)
class Operand:
    """An array, and its strides along the axes of the output."""

    array: Array
    strides: Strides


def launch_elements(
    stem: str,
    shape: Sequence[int],
    out: Operand,
    inputs: Sequence[Operand],
    body: str,
    numbers: Sequence[tuple[str, Any]] = (),
) -> Iterator[Launch]:
    """One element of `out` for each position of `shape`.

    `body` is C that assigns to `out[at]`; it reads input `n` as `x<n>[at<n>]`, and the flat position in
    row-major order is `i`. `numbers` are further parameters, such as ("long long size", np.int64(3)).
    """
    count = 1
    for size in shape:
        count *= size
    if count == 0:
        return
    sizes, (to, *sources) = collapse(shape, [out.strides, *(each.strides for each in inputs)])
    arrays = [out.array, *(each.array for each in inputs)]
    places = ["at", *(f"at{n}" for n in range(len(inputs)))]
    pointers = [f"{c_type(out.array)}* out"]
    pointers += [f"const {c_type(each.array)}* x{n}" for n, each in enumerate(inputs)]
    where, parameters, arguments = addresses(sizes, places, [to, *sources], count)
    source = Source(
        stem,
        (*pointers, "long long n", *parameters, *(declared for declared, _ in numbers)),
        f"{LOOP}\n    {where}\n    {body}\n  }}",
    )
    given = (*arrays, integer(count), *arguments, *(number for _, number in numbers))
    yield Launch(source, blocks_for(count), THREADS, given)


Address = tuple[str, list[str], list[Any]]
"""C that declares where elements are, and the parameters and arguments that it needs."""


def addresses(
    sizes: Strides, places: Sequence[str], operands: Sequence[Strides], count: int, flat: str = "i"
) -> Address:
    """C that declares, for each operand, the offset of the element at a flat position in row-major order.

    The strides 0 and 1 along one axis are part of the text; all else are parameters, so that one kernel
    serves all shapes of a rank. Divisions are done in 32 bits where that is enough.
    """
    parameters: list[str] = []
    arguments: list[Any] = []
    if len(sizes) <= 1:
        text = ""
        for place, stride in zip(places, operands, strict=True):
            if stride in ((), (0,), (1,)):
                text += f"const long long {place} = {flat if stride == (1,) else 0}; "
            else:
                text += f"const long long {place} = {flat} * {place}_0; "
                parameters.append(f"long long {place}_0")
                arguments.append(integer(stride[0]))
        return text, parameters, arguments
    index = "unsigned int" if count < NARROW else "unsigned long long"
    text = " ".join(f"long long {place} = 0;" for place in places)
    text += f" {{ {index} rest = ({index}){flat}, k;"
    for axis in reversed(range(len(sizes))):
        size = f"{places[0]}_size_{axis}"
        if axis:
            text += f" k = rest % ({index}){size}; rest /= ({index}){size};"
            parameters.append(f"long long {size}")
            arguments.append(integer(sizes[axis]))
        else:
            text += " k = rest;"
        for place, stride in zip(places, operands, strict=True):
            text += f" {place} += (long long)k * {place}_{axis};"
            parameters.append(f"long long {place}_{axis}")
            arguments.append(integer(stride[axis]))
    return f"{text} }}", parameters, arguments


def launch_op(op: type[Op], inputs: Sequence[Array], out: Array) -> Iterator[Launch]:
    """An elementwise op, with broadcasting."""
    for array in (*inputs, out):
        c_type(array)  # refuses what has none
    dtypes = [as_dtype(x.dtype) for x in inputs]
    operands = [f"x{n}[at{n}]" for n in range(len(inputs))]
    result = expression(op, dtypes, as_dtype(out.dtype), operands)
    yield from launch_elements(
        op.name,
        out.shape,
        Operand(out, strides(out)),
        [Operand(x, broadcast(x, out.shape)) for x in inputs],
        f"out[at] = {result};",
    )


def launch_copy(source: Array, target: Array) -> Iterator[Launch]:
    """Copy elements between any two layouts of one shape, converting the dtype."""
    to = c_type(target)
    element = "x0[at0]" if source.dtype == target.dtype else f"({to})x0[at0]"
    if to == "bool" and source.dtype != target.dtype:
        element = "x0[at0] != 0"
    yield from launch_elements(
        "copy",
        target.shape,
        Operand(target, strides(target)),
        [Operand(source, broadcast(source, target.shape))],
        f"out[at] = {element};",
    )


def launch_fill(target: Array, number: Any) -> Iterator[Launch]:
    """Set all elements to one number."""
    kind, body, content = c_type(target), "out[at] = number;", target.dtype.type(number)
    if kind in LOW_TYPES.values():  # as a number of the host's: CuPy has no arguments of this type
        kind, body, content = "float", f"out[at] = ({kind})number;", np.float32(content)
    target_of = Operand(target, strides(target))
    yield from launch_elements("fill", target.shape, target_of, [], body, [(f"{kind} number", content)])


def launch_iota(target: Array) -> Iterator[Launch]:
    """0, 1, 2, …"""
    yield from launch_elements(
        "iota", target.shape, Operand(target, strides(target)), [], f"out[at] = ({c_type(target)})i;"
    )


def launch_take(x: Array, index: Array, axis: int, out: Array) -> Iterator[Launch]:
    """x[index] on one axis. An index that is out of range, which a check reports, reads the nearest
    element, so that nothing outside of `x` is touched until the check is read."""
    own, picked, after = strides(x), index.ndim, x.ndim - axis - 1
    if not x.shape[axis]:
        return
    yield from launch_elements(
        "take",
        out.shape,
        Operand(out, strides(out)),
        [
            Operand(x, own[:axis] + (0,) * picked + own[axis + 1 :]),
            Operand(index, (0,) * axis + strides(index) + (0,) * after),
        ],
        "long long pick = (long long)x1[at1];\n"
        "    pick = pick < 0 ? 0 : pick < size ? pick : size - 1;\n"
        "    out[at] = x0[at0 + pick * step];",
        [("long long size", integer(x.shape[axis])), ("long long step", integer(own[axis]))],
    )


def launch_products(a: Array, b: Array, out: Array) -> Iterator[Launch]:
    """Matrix products of integers, which cuBLAS lacks: one thread for each element."""
    lead, inner = out.shape[:-2], a.shape[-1]
    (*_, step_a), (*_, step_b, _) = strides(a), strides(b)
    rows = broadcast(a, (*lead, a.shape[-2], inner))
    columns = broadcast(b, (*lead, inner, b.shape[-1]))
    kind = c_type(out)
    yield from launch_elements(
        "products",
        out.shape,
        Operand(out, strides(out)),
        [Operand(a, (*rows[:-1], 0)), Operand(b, (*columns[:-2], 0, columns[-1]))],
        f"{kind} sum = 0;\n"
        "    for (long long j = 0; j < inner; ++j)\n"
        f"      sum = ({kind})(sum + x0[at0 + j * step0] * x1[at1 + j * step1]);\n"
        "    out[at] = sum;",
        [
            ("long long inner", integer(inner)),
            ("long long step0", integer(step_a)),
            ("long long step1", integer(step_b)),
        ],
    )
