"""Images of other sizes: interpolation, and channels that become space.

Interpolation is a matrix along each axis of space. Its entries are worked out from integers only, so that
they are exact and named sizes do; derivatives are those of matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Dim, Shape, Size, as_shape, product
from ..errors import ShapeError, explain
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import DType, TensorType, float32, int64
from ..value import Node, Value
from .comparison import equal, maximum, minimum
from .constants import Full, arange
from .matmul import Matmul
from .operands import as_float, as_value
from .requirements import require_float
from .rounding import abs
from .shape import broadcast_to, reshape, transpose
from .windows import is_integer

MODES = ("nearest", "linear")
COORDINATES = ("half_pixel", "align_corners", "asymmetric")


@final
@dataclass(frozen=True)
class Resize(Op):
    """Images (N, C, …) at `sizes` of space, by interpolation between the elements next to each place.

    Element `o` of `m` lies among those of `n` at `(o + 1/2)·n/m - 1/2` (half_pixel), `o·(n - 1)/(m - 1)`
    (align_corners) or `o·n/m` (asymmetric). The nearest of two is the lower one at a tie, and with asymmetric
    always.
    """

    name: ClassVar[str] = "resize"
    mode: str
    coordinates: str
    sizes: Shape

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_float(self.name, x)
        if x.rank != len(self.sizes) + 2 or x.rank < 3:
            raise ShapeError(explain(f"{x} to {self.sizes}", "images (N, C, …), with a size for each axis"))
        if any(old == 0 and new != 0 for old, new in zip(x.shape[2:], self.sizes, strict=True)):
            raise ShapeError(explain(f"{x} to {self.sizes}", "at least one element to interpolate from"))
        return (x.with_shape((*x.shape[:2], *self.sizes)),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        for axis, size in enumerate(self.sizes, 2):
            if x.shape[axis] != size:
                x = self._along(x, axis, size)
        return (x,)

    def _along(self, x: Value, axis: int, size: Size) -> Value:
        """One axis resized: elements repeated, or a product with a matrix."""
        old, before, after = x.shape[axis], x.shape[:axis], x.shape[axis + 1 :]
        times = None if old == 0 else size // old
        is_copy = self.mode == "nearest" and self.coordinates != "align_corners"
        if is_copy and isinstance(times, int) and times * old == size:
            repeated = broadcast_to(reshape(x, (*before, old, 1, *after)), (*before, old, times, *after))
            return reshape(repeated, (*before, size, *after))
        weights = self._weights(old, size, x.dtype)
        if not after:
            return Matmul()(x, transpose(weights))
        planes = Matmul()(weights, reshape(x, (product(before), old, product(after))))
        return reshape(planes, (*before, size, *after))

    def _weights(self, old: Size, new: Size, dtype: DType) -> Value:
        """The matrix (new, old). An element lies at `place / unit`; the rest is integer arithmetic."""
        outputs, n, m = arange(new), _number(old), _number(new)
        if self.coordinates == "half_pixel":
            place, unit = (outputs * 2 + 1) * n - m, m * 2
        elif self.coordinates == "align_corners":
            place, unit = outputs * (n - 1), maximum(m - 1, 1)
        else:
            place, unit = outputs * n, m
        place = maximum(minimum(place, (n - 1) * unit), 0)
        if self.mode == "nearest":
            lower = place // unit if self.coordinates == "asymmetric" else -((unit - place * 2) // (unit * 2))
            return equal(reshape(lower, (new, 1)), arange(old)).astype(dtype)
        distance = abs(reshape(place, (new, 1)) - arange(old) * unit)
        return maximum(unit - distance, 0).astype(dtype) / unit.astype(dtype)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """What ONNX Runtime has: float32, and linear in 2 or 3 dimensions. Else matrix products."""
        x = node.inputs[0]
        if x.dtype != float32 or (self.mode == "linear" and x.ndim not in (4, 5)):
            return None
        nearest = "floor" if self.coordinates == "asymmetric" else "round_prefer_floor"
        return [
            write.node(
                "Resize",
                write.read(x),
                "",
                "",
                write.sizes(node.outputs[0].shape),
                since=13,
                mode=self.mode,
                coordinate_transformation_mode=self.coordinates,
                **({"nearest_mode": nearest} if self.mode == "nearest" else {}),
            )
        ]


def _number(size: Size) -> Value:
    return Full(1, TensorType(int64, ()), times=size)()


def resize(
    x: Any,
    sizes: int | str | Dim | Sequence[int | str | Dim] | None = None,
    *,
    scale: int | float | Sequence[int | float] | None = None,
    mode: str = "linear",
    coordinates: str = "half_pixel",
) -> Value:
    """Images `x` (N, C, …) at other `sizes` of space, or `scale` times as large, by interpolation.

    `mode` is "nearest" or "linear"; `coordinates` "half_pixel", "align_corners" or "asymmetric", as in ONNX's
    Resize. Sizes and scales are one for all axes of space, or one for each. There is no smoothing where an
    image becomes smaller. Raises ShapeError where a scale gives no whole size.

    >>> from irgraph import constant, evaluate
    >>> evaluate(resize(constant([[[0.0, 4.0]]]), 4))
    array([[[0., 1., 3., 4.]]], dtype=float32)
    """
    x = as_float(x)
    if x.ndim < 3:
        raise ShapeError(explain(f"resize of {x!r}", "images (N, C, …)", here()))
    for name, word, known in (("mode", mode, MODES), ("coordinates", coordinates, COORDINATES)):
        if word not in known:
            raise ShapeError(explain(f"resize with {name}={word!r}", f"one of {', '.join(known)}", here()))
    if (sizes is None) == (scale is None):
        given = "neither sizes nor scale" if sizes is None else "both sizes and scale"
        raise ShapeError(explain(f"resize with {given}", "one of them", here()))
    wanted = _scaled(x, scale) if sizes is None else _per_axis(as_shape(sizes), x, sizes)
    return Resize(mode, coordinates, wanted)(x)


def _per_axis(given: tuple[Any, ...], x: Value, written: object) -> tuple[Any, ...]:
    rank = x.ndim - 2
    if len(given) == 1:
        return given * rank
    if len(given) != rank:
        raise ShapeError(explain(f"resize of {x!r} to {written}", f"one number, or {rank}", here()))
    return given


def _scaled(x: Value, scale: Any) -> Shape:
    factors = _per_axis(tuple(scale) if isinstance(scale, Sequence) else (scale,), x, scale)
    sizes: list[Size] = []
    for size, factor in zip(x.shape[2:], factors, strict=True):
        whole = int(factor) if is_integer(factor) or (isinstance(factor, float) and factor % 1 == 0) else None
        exact = size * factor if isinstance(size, int) and isinstance(factor, float) else None
        if whole is not None and whole > 0:
            sizes.append(size * whole)
        elif exact is not None and exact > 0 and exact % 1 == 0:
            sizes.append(int(exact))
        else:
            found = f"resize with scale {scale} of an axis of size {size}"
            raise ShapeError(explain(found, "a whole size", here(), "Give sizes instead."))
    return tuple(sizes)


# ------------------------------------------------------------------------------- channels and space


@dataclass(frozen=True)
class _Blocks(Op):
    """Blocks of `block` x `block` places against as many channels, in two dimensions of space."""

    block: int

    def _require(self, x: TensorType) -> None:
        if x.rank != 4:
            raise ShapeError(explain(str(x), "images (N, C, height, width)"))


@final
@dataclass(frozen=True)
class DepthToSpace(_Blocks):
    """Groups of channels become blocks of space: depth is first among channels ("DCR"), or not ("CRD")."""

    name: ClassVar[str] = "depth_to_space"
    mode: str

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        self._require(x)
        n, c, h, w = x.shape
        area = self.block**2
        if (c // area) * area != c:
            found = f"{c} channels for blocks of {self.block} x {self.block}"
            raise ShapeError(explain(found, f"a multiple of {area}"))
        return (x.with_shape((n, c // area, h * self.block, w * self.block)),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,), b = inputs, self.block
        n, c, h, w = x.shape
        depth = c // b**2
        depth_first = self.mode == "DCR"
        parts: Shape = (n, b, b, depth, h, w) if depth_first else (n, depth, b, b, h, w)
        order = (0, 3, 4, 1, 5, 2) if depth_first else (0, 1, 4, 2, 5, 3)
        return (reshape(transpose(reshape(x, parts), order), (n, depth, h * b, w * b)),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not node.inputs[0].dtype.is_float:
            return None
        x = write.read(node.inputs[0])
        return [write.node("DepthToSpace", x, since=13, blocksize=self.block, mode=self.mode)]


@final
class SpaceToDepth(_Blocks):
    """Blocks of space become channels, before which the old channels come: the inverse of "DCR"."""

    name: ClassVar[str] = "space_to_depth"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        self._require(x)
        n, c, *space = x.shape
        parts = [size // self.block for size in space]
        if any(part * self.block != size for part, size in zip(parts, space, strict=True)):
            found = f"an image of {space[0]} x {space[1]}"
            raise ShapeError(explain(found, f"sizes that are multiples of {self.block}"))
        return (x.with_shape((n, c * self.block**2, *parts)),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,), b = inputs, self.block
        n, c, h, w = x.shape
        parts = reshape(x, (n, c, h // b, b, w // b, b))
        return (reshape(transpose(parts, (0, 3, 5, 1, 2, 4)), (n, c * b**2, h // b, w // b)),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not node.inputs[0].dtype.is_float:
            return None
        return [write.node("SpaceToDepth", write.read(node.inputs[0]), since=13, blocksize=self.block)]


def depth_to_space(x: Any, block: int, mode: str = "DCR") -> Value:
    """Channels of images `x` (N, C·block², H, W) as blocks of space: (N, C, H·block, W·block).

    The channels are (block, block, C) with "DCR", (C, block, block) with "CRD", as in ONNX. Raises ShapeError
    where the channels do not divide.

    >>> from irgraph import input
    >>> depth_to_space(input("x", ("batch", 12, 8, 8)), 2)
    <a result of depth_to_space : float32[batch, 3, 16, 16]>
    """
    if mode not in ("DCR", "CRD"):
        raise ShapeError(explain(f"depth_to_space with mode={mode!r}", '"DCR" or "CRD"', here()))
    return DepthToSpace(_read_block("depth_to_space", block), mode)(as_value(x))


def space_to_depth(x: Any, block: int) -> Value:
    """Blocks of images `x` (N, C, H·block, W·block) as channels (block, block, C): the inverse of
    `depth_to_space`. Raises ShapeError where the sizes do not divide.

    >>> from irgraph import input
    >>> space_to_depth(input("x", ("batch", 3, 16, 16)), 2)
    <a result of space_to_depth : float32[batch, 12, 8, 8]>
    """
    return SpaceToDepth(_read_block("space_to_depth", block))(as_value(x))


def pixel_shuffle(x: Any, factor: int) -> Value:
    """`depth_to_space` with channels (C, factor, factor), as for super-resolution (Shi et al., CVPR 2016).

    >>> from irgraph import input
    >>> pixel_shuffle(input("x", ("batch", 12, 8, 8)), 2)
    <a result of depth_to_space : float32[batch, 3, 16, 16]>
    """
    return depth_to_space(x, factor, "CRD")


def _read_block(what: str, block: object) -> int:
    if not is_integer(block) or block < 1:  # type: ignore[operator]
        raise ShapeError(explain(f"{what} with blocks of {block!r}", "an integer of at least 1", here()))
    return int(block)  # type: ignore[call-overload, no-any-return]
