"""Kernels of windows over images: columns for convolution and back, and where maxima are.

Which input an output sees is a table for each axis of space, made on the host: so one kernel serves every
stride, dilation and pad, of images in any number of dimensions. What is added is added in a fixed order by
the thread that writes the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgraph.dims import bind
from irgraph.ops.windows import Windows

from .elementwise import Operand, launch_elements
from .source import Array, Launch, c_type, integer, strides

Tables = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Geometry:
    """Windows in numbers: for each axis of space the sizes of the image, of the kernel, and of the result."""

    windows: Windows
    lows: tuple[int, ...]
    sizes: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def rank(self) -> int:
        """The number of axes of space."""
        return len(self.sizes)

    @property
    def is_pointwise(self) -> bool:
        """Whether each output sees the input at its own place alone."""
        windows = self.windows
        ones = (1,) * self.rank
        return (
            windows.kernel == windows.strides == ones
            and self.lows == (0,) * self.rank
            and self.sizes == self.counts
        )

    def seen(self) -> Tables:
        """For each axis, [tap, output]: the input that it sees, -1 where that is padding."""
        return [self._axis(axis)[0] for axis in range(self.rank)]

    def seeing(self) -> Tables:
        """For each axis, [tap, input]: the output that sees it with this tap, -1 where none does."""
        return [self._axis(axis)[1] for axis in range(self.rank)]

    def _axis(self, axis: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        kernel, size, count = self.windows.kernel[axis], self.sizes[axis], self.counts[axis]
        taps = np.arange(kernel)[:, None] * self.windows.dilations[axis] - self.lows[axis]
        inputs = np.arange(count) * self.windows.strides[axis] + taps
        inputs[(inputs < 0) | (inputs >= size)] = -1
        outputs = np.full((kernel, size), -1)
        for tap, output in np.argwhere(inputs >= 0):
            outputs[tap, inputs[tap, output]] = output
        return inputs.astype("int64"), outputs.astype("int64")


def geometry_of(
    windows: Windows, bound: Mapping[str, int], sizes: Sequence[int], counts: Sequence[int]
) -> Geometry:
    """Windows with numbers for their named dims."""
    lows = tuple(bind(low, bound) for low, _ in windows.pads)
    return Geometry(windows, lows, tuple(sizes), tuple(counts))


def launch_columns(
    xp: Any, x: Array, geometry: Geometry, columns: Array, batch_last: bool
) -> Iterator[Launch]:
    """What each window sees: columns[n, c, *taps, *outputs], or [c, *taps, n, *outputs] if `batch_last`."""
    rank, own = geometry.rank, strides(x)
    kernel, counts = geometry.windows.kernel, geometry.counts
    shape = (x.shape[1], *kernel, x.shape[0], *counts) if batch_last else (*x.shape[:2], *kernel, *counts)
    first = (own[1], *(0,) * rank, own[0]) if batch_last else (*own[:2], *(0,) * rank)
    tables = []
    for axis, table in enumerate(geometry.seen()):
        steps = [0] * len(shape)
        steps[(1 if batch_last else 2) + axis] = counts[axis]
        steps[2 + rank + axis] = 1
        tables.append(Operand(xp.asarray(table), tuple(steps)))
    lines, inside, place = "", [], "at0"
    for axis in range(rank):
        lines += f"const long long p{axis} = x{axis + 1}[at{axis + 1}]; "
        inside.append(f"p{axis} >= 0")
        place += f" + p{axis} * step_{axis}"
    body = f"{lines}out[at] = {' && '.join(inside)} ? x0[{place}] : ({c_type(x)})0;"
    numbers = [(f"long long step_{axis}", integer(own[2 + axis])) for axis in range(rank)]
    flat = columns.reshape(shape)
    target = Operand(flat, strides(flat))
    yield from launch_elements(
        "columns", shape, target, [Operand(x, (*first, *(0,) * rank)), *tables], body, numbers
    )


def _over_taps(geometry: Geometry, tables: Sequence[str], inner: str) -> str:
    """C that runs `inner` for each tap, in row-major order, for which the tables have a place `p<axis>`.

    `tables[axis]` is the table's element for tap `k<axis>`; `tap` counts the taps.
    """
    text = ""
    for axis, table in enumerate(tables):
        text += f"for (int k{axis} = 0; k{axis} < taps_{axis}; ++k{axis}) {{ "
        text += f"const long long p{axis} = {table}; if (p{axis} < 0) continue; "
    flat = "0"
    for axis in range(geometry.rank):
        flat = f"({flat} * taps_{axis} + k{axis})"
    return f"{text}const int tap = {flat}; {inner} {'}' * geometry.rank}"


def _tables(
    xp: Any, geometry: Geometry, tables: Tables, rank: int, first: int
) -> tuple[list[Operand], list[str], list[tuple[str, Any]]]:
    """Operands for tables that are read along the last axes of the output, for each tap; how C reads them."""
    operands, read, numbers = [], [], []
    for axis, table in enumerate(tables):
        steps = [0] * (2 + rank)
        steps[2 + axis] = 1
        operands.append(Operand(xp.asarray(table), tuple(steps)))
        read.append(f"x{first + axis}[at{first + axis} + k{axis} * width_{axis}]")
        numbers.append((f"int taps_{axis}", np.int32(geometry.windows.kernel[axis])))
        numbers.append((f"long long width_{axis}", integer(table.shape[1])))
    return operands, read, numbers


def launch_images(xp: Any, columns: Array, geometry: Geometry, out: Array) -> Iterator[Launch]:
    """The transpose of `launch_columns`: out[n, c, …] is the sum of columns[n, c, *taps, *outputs] over all
    that see it."""
    rank, counts = geometry.rank, geometry.counts
    tables, read, numbers = _tables(xp, geometry, geometry.seeing(), rank, 1)
    place = "tap"
    for axis in range(rank):
        place = f"({place} * count_{axis} + p{axis})"
        numbers.append((f"long long count_{axis}", integer(counts[axis])))
    each = int(np.prod(geometry.windows.kernel)) * int(np.prod(counts))
    source = Operand(columns, (out.shape[1] * each, each, *(0,) * rank))
    taps = _over_taps(geometry, read, f"sum += x0[at0 + {place}];")
    body = f"double sum = 0; {taps} out[at] = ({c_type(out)})sum;"
    yield from launch_elements(
        "images", out.shape, Operand(out, strides(out)), [source, *tables], body, numbers
    )


def launch_max_pool(xp: Any, x: Array, geometry: Geometry, out: Array) -> Iterator[Launch]:
    """The largest element of each window; NaN where there is one."""
    rank, own, kind = geometry.rank, strides(x), c_type(x)
    tables, read, numbers = _tables(xp, geometry, geometry.seen(), rank, 1)
    place, steps = _place(own, rank)
    inner = f"const {kind} x = x0[at0{place}]; best = any ? larger(best, x) : x; any = true;"
    body = f"{kind} best = 0; bool any = false; {_over_taps(geometry, read, inner)} out[at] = best;"
    source = Operand(x, (*own[:2], *(0,) * rank))
    yield from launch_elements(
        "max_pool", out.shape, Operand(out, strides(out)), [source, *tables], body, [*numbers, *steps]
    )


def _place(own: Sequence[int], rank: int) -> tuple[str, list[tuple[str, Any]]]:
    """C for the offset of the place p0, p1, … in an image, and the numbers that it needs."""
    numbers = [(f"long long step_{axis}", integer(own[2 + axis])) for axis in range(rank)]
    return "".join(f" + p{axis} * step_{axis}" for axis in range(rank)), numbers


def launch_first_maximum(xp: Any, x: Array, y: Array, geometry: Geometry, taps: Array) -> Iterator[Launch]:
    """The tap at which each window has its first maximum, -1 where it has none, because that is NaN."""
    rank, own = geometry.rank, strides(x)
    tables, read, numbers = _tables(xp, geometry, geometry.seen(), rank, 2)
    place, steps = _place(own, rank)
    inner = f"if (hit < 0 && x0[at0{place}] == top) hit = tap;"
    body = (
        f"const {c_type(y)} top = x1[at1]; int hit = -1; {_over_taps(geometry, read, inner)} out[at] = hit;"
    )
    operands = [Operand(x, (*own[:2], *(0,) * rank)), Operand(y, strides(y)), *tables]
    yield from launch_elements(
        "first_maximum", taps.shape, Operand(taps, strides(taps)), operands, body, [*numbers, *steps]
    )


def launch_gather_maximum(xp: Any, taps: Array, t: Array, geometry: Geometry, out: Array) -> Iterator[Launch]:
    """Of images `t`, the element at the tap of each window; 0 where there is none."""
    rank, own = geometry.rank, strides(t)
    tables, read, numbers = _tables(xp, geometry, geometry.seen(), rank, 2)
    place, steps = _place(own, rank)
    inner = f"if (tap == wanted) found = x0[at0{place}];"
    over = _over_taps(geometry, read, inner)
    body = f"const int wanted = x1[at1]; {c_type(t)} found = 0; {over} out[at] = found;"
    operands = [Operand(t, (*own[:2], *(0,) * rank)), Operand(taps, strides(taps)), *tables]
    yield from launch_elements(
        "gather_maximum", out.shape, Operand(out, strides(out)), operands, body, [*numbers, *steps]
    )


def launch_scatter_maximum(
    xp: Any, taps: Array, g: Array, geometry: Geometry, out: Array
) -> Iterator[Launch]:
    """Each place of an image gets the sum of `g` over the windows whose tap it is."""
    rank = geometry.rank
    tables, read, numbers = _tables(xp, geometry, geometry.seeing(), rank, 2)
    of_g, of_taps = strides(g), strides(taps)
    numbers += [(f"long long g_{axis}", integer(of_g[2 + axis])) for axis in range(rank)]
    numbers += [(f"long long t_{axis}", integer(of_taps[2 + axis])) for axis in range(rank)]
    at_g = "".join(f" + p{axis} * g_{axis}" for axis in range(rank))
    at_tap = "".join(f" + p{axis} * t_{axis}" for axis in range(rank))
    inner = f"if (x1[at1{at_tap}] == tap) sum += x0[at0{at_g}];"
    body = f"double sum = 0; {_over_taps(geometry, read, inner)} out[at] = ({c_type(out)})sum;"
    operands = [Operand(g, (*of_g[:2], *(0,) * rank)), Operand(taps, (*of_taps[:2], *(0,) * rank)), *tables]
    yield from launch_elements(
        "scatter_maximum", out.shape, Operand(out, strides(out)), operands, body, numbers
    )
