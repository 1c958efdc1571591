"""Windows that slide over an image: the geometry that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, final

from ..attributes import attribute_class
from ..dims import Dim, Shape, Size, at_least
from ..errors import ShapeError, explain
from ..onnx_writer import OnnxWriter
from ..origin import here
from ..value import Value

Pads = tuple[tuple[Size, Size], ...]


@final
@attribute_class("windows")
@dataclass(frozen=True)
class Windows:
    """Along each axis of space: output `o` sees the inputs `o*stride + k*dilation - before` for `k < kernel`.

    `pads` are (before, after): how far windows reach over the ends; negative ones leave inputs out.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: Pads

    @property
    def rank(self) -> int:
        """The number of axes of space."""
        return len(self.kernel)

    @property
    def spans(self) -> tuple[int, ...]:
        """How many inputs lie from the first to the last of a window."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    def over(self, sizes: Shape) -> Shape:
        """How many windows fit along each axis. Raises ShapeError where none does."""
        counts = []
        for size, span, stride, (before, after) in zip(
            sizes, self.spans, self.strides, self.pads, strict=True
        ):
            padded = size + before + after
            if not at_least(padded, span):
                raise ShapeError(
                    explain(
                        f"a window of {span} on an axis of {padded}, padding included",
                        "a window that fits",
                        do="Pad more, or take a smaller kernel or dilation.",
                    )
                )
            counts.append((padded - span) // stride + 1)
        return tuple(counts)

    def under(self, counts: Shape, extra: Sequence[int]) -> Shape:
        """The sizes of which so many windows see all but `extra` positions: what `over` undoes."""
        axes = zip(counts, self.spans, self.strides, self.pads, extra, strict=True)
        return tuple(
            (count - 1) * stride + span - low - high + more for count, span, stride, (low, high), more in axes
        )

    def padded(self, sizes: Shape) -> Shape:
        """The sizes with the pads."""
        return tuple(size + low + high for size, (low, high) in zip(sizes, self.pads, strict=True))

    def leaves_rest(self, sizes: Shape) -> bool:
        """Whether the last window may end before the padded image does."""
        ends = zip(self.padded(sizes), self.over(sizes), self.strides, self.spans, strict=True)
        return any((count - 1) * stride + span != size for size, count, stride, span in ends)

    def meetings(self, sizes: Shape, counts: Shape) -> Size:
        """How often a position of a window meets one of the image, over all windows.

        An axis whose size is named counts as if its windows met no padding.
        """
        total: Size = 1
        for axis, (size, count) in enumerate(zip(sizes, counts, strict=True)):
            total = total * (
                self._met(axis, size, count)
                if isinstance(size, int) and isinstance(count, int)
                else count * self.kernel[axis]
            )
        return total

    def _met(self, axis: int, size: int, count: int) -> int:
        (before, _), stride = self.pads[axis], self.strides[axis]
        if not isinstance(before, int):
            return count * self.kernel[axis]
        met = 0
        for k in range(self.kernel[axis]):
            shift = before - k * self.dilations[axis]  # window o meets o * stride - shift
            first = max(0, -(-shift // stride))
            last = min(count - 1, (size - 1 + shift) // stride)
            met += max(0, last - first + 1)
        return met

    def rounded_up(self, sizes: Shape) -> Windows:
        """With so much more padding after each axis that no input is left over: a window that begins in the
        image, or in the padding before it, is whole."""
        pads = []
        axes = zip(self.padded(sizes), self.spans, self.strides, self.pads, strict=True)
        for padded, span, stride, (before, after) in axes:
            last = -(-(padded - span) // stride) * stride  # where the last window begins
            more, end = last + span - padded, padded - after
            if isinstance(last, int) and isinstance(end, int):
                more = more if last < end else 0
            elif not isinstance(after, int) or stride > span - after:
                found = f"ceil_mode with windows of {span} and stride {stride} on an axis of {padded}"
                raise ShapeError(explain(found, "known sizes, or a smaller stride", here()))
            pads.append((before, after + more))
        return Windows(self.kernel, self.strides, self.dilations, tuple(pads))

    @property
    def unpadded(self) -> bool:
        """Whether windows lie within the image."""
        return all(size == 0 for pair in self.pads for size in pair)

    @property
    def apart(self) -> bool:
        """Whether no input lies in two windows."""
        return all(span <= stride for span, stride in zip(self.spans, self.strides, strict=True))

    def onnx_attributes(self, *but: str) -> dict[str, list[int]]:
        """Kernel, strides and dilations as ONNX writes them, without some."""
        written = {
            "kernel_shape": list(self.kernel),
            "strides": list(self.strides),
            "dilations": list(self.dilations),
        }
        return {name: numbers for name, numbers in written.items() if name not in but}

    @property
    def static_pads(self) -> list[int] | None:
        """The pads as ONNX writes them; None where one is named or negative, which ONNX can't."""
        flat = [before for before, _ in self.pads] + [after for _, after in self.pads]
        known = [size for size in flat if isinstance(size, int) and size >= 0]
        return known if len(known) == len(flat) else None


def read_windows(
    what: str, sizes: Shape, kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any
) -> Windows:
    """The windows that a user wrote, for `sizes` of space. Raises ShapeError for what makes no sense."""
    rank = len(sizes)
    strides = per_axis(what, "stride", stride, rank, least=1)
    dilations = per_axis(what, "dilation", dilation, rank, least=1)
    pads: Pads = ((0, 0),) * rank
    if padding == "same":
        spans = Windows(kernel, strides, dilations, pads).spans
        pads = tuple(map(_same, sizes, spans, strides))
    elif isinstance(padding, str) and padding != "valid":
        raise ShapeError(
            explain(f"{what} with padding {padding!r}", 'integers, pairs, "same" or "valid"', here())
        )
    elif padding != "valid":
        pads = _read_pads(what, padding, rank)
    return Windows(kernel, strides, dilations, pads)


def _same(size: Size, span: int, stride: int) -> tuple[Size, Size]:
    """ceil(size / stride) windows; where the padding is odd, the larger half comes after."""
    total = (-(-size // stride) - 1) * stride + span - size
    if isinstance(total, int):
        total = max(total, 0)
    elif span < stride:
        raise ShapeError(
            explain(
                f'padding "same" of windows of {span} with stride {stride} on an axis of size {size}',
                "a size that is a number, or a window of at least the stride",
                here(),
                "Write the padding out in numbers.",
            )
        )
    before = total // 2
    return before, total - before


def _read_pads(what: str, padding: Any, rank: int) -> Pads:
    entries = list(padding) if isinstance(padding, Sequence) else [padding] * rank
    pairs = [tuple(entry) if isinstance(entry, Sequence) else (entry, entry) for entry in entries]
    fits = len(pairs) == rank and all(len(pair) == 2 for pair in pairs)
    if not fits or not all(_is_size(size) for pair in pairs for size in pair):
        needed = f"an integer of at least 0, or {rank} of them, or {rank} pairs (before, after)"
        raise ShapeError(explain(f"{what} with padding {padding!r}", needed, here()))
    return tuple(
        (low if isinstance(low, Dim) else index(low), high if isinstance(high, Dim) else index(high))
        for low, high in pairs
    )


def _is_size(size: object) -> bool:
    return isinstance(size, Dim) or (is_integer(size) and index(size) >= 0)  # type: ignore[arg-type]


def is_integer(number: object) -> bool:
    """Whether it is an integer of Python or NumPy, and no bool."""
    try:
        index(number)  # type: ignore[arg-type]
    except TypeError:
        return False
    return not isinstance(number, bool)


def per_axis(what: str, name: str, written: Any, rank: int, least: int) -> tuple[int, ...]:
    """One integer for each axis of space, from one for all or a sequence. Raises ShapeError."""
    entries = list(written) if isinstance(written, Sequence) else [written] * rank
    if len(entries) != rank or not all(is_integer(n) and index(n) >= least for n in entries):
        needed = f"an integer of at least {least}, or {rank} of them"
        raise ShapeError(explain(f"{what} with {name} {written!r}", needed, here()))
    return tuple(map(index, entries))


def onnx_padded(
    write: OnnxWriter, x: Value, windows: Windows, pads: list[int] | None, value: float = 0.0
) -> tuple[str, list[int]]:
    """The image and the pads to state: where an ONNX op can't state them (None), a Pad comes before it."""
    if pads is not None:
        return write.read(x), pads
    lows, highs = zip(*windows.pads, strict=True)
    widths = write.sizes((0, 0, *lows, 0, 0, *highs))
    padded = write.node("Pad", write.read(x), widths, write.constant(value, x.dtype), since=13)
    return padded, [0] * (2 * windows.rank)
