"""Other shapes for the same elements: reshape, transpose, broadcast_to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Shape, Size, as_shape, divides, product, same_size
from ..errors import ShapeError, explain
from ..layout import Layout
from ..local_jacobian import Grid, Label, Labels, Ravel, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, broadcast_shapes, format_shape, int64, normalize_axis
from ..value import Node, Value, operator
from .operands import as_value
from .requirements import FREE


class _Rearrangement(Op):
    """The same elements elsewhere; costs nothing where it is a view."""

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return FREE


@final
@dataclass(frozen=True)
class Reshape(_Rearrangement):
    """The same elements in row-major order under another shape."""

    name: ClassVar[str] = "reshape"
    shape: Shape

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if same_size(inputs[0].size, product(self.shape)) is None:
            raise ShapeError(
                explain(
                    f"shape {format_shape(inputs[0].shape)} with {inputs[0].size} elements",
                    f"as many as in {format_shape(self.shape)}, which has {product(self.shape)}",
                )
            )
        return (inputs[0].with_shape(self.shape),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        out: list[Label] = []
        in_: list[Label] = []
        links: list[Ravel] = []
        for before, after in reshape_runs(inputs[0].shape, self.shape):
            left = Labels(map(Label, before))
            right = left if before == after else Labels(map(Label, after))
            if before != after and before and after:
                links.append(Ravel(left, right))
            in_ += left
            out += right
        return [[term(Labels(out), Labels(in_), *links)]]

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout | None:
        return input.reshape(tuple(map(int, output.shape)))  # type: ignore[arg-type]  # bound

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x = node.inputs[0]
        target = onnx_target(x.shape, self.shape)
        if target is not None:
            return [write.node("Reshape", write.read(x), write.constant(target, int64), since=5)]
        return [write.node("Reshape", write.read(x), write.sizes(self.shape), since=14, allowzero=1)]


def onnx_target(before: Shape, after: Shape) -> list[int] | None:
    """The shape in integers, where ONNX's 0 (the input's size on the axis) or -1 (what is left) say the rest.

    None where they do not: -1 is worked out by a division, and no other size may be 0 then.
    """
    named = [axis for axis, size in enumerate(after) if not isinstance(size, int)]
    if 0 in after:
        return None
    if all(axis < len(before) and before[axis] == after[axis] for axis in named):
        return [size if isinstance(size, int) else 0 for size in after]
    return [size if isinstance(size, int) else -1 for size in after] if len(named) == 1 else None


def reshape_runs(before: Shape, after: Shape) -> Iterator[tuple[Shape, Shape]]:
    """Split two shapes with equal products into the finest runs with equal products.

    Where divisibility is not known, runs coarsen: sound, and only structure is lost.
    """
    i = j = 0
    while i < len(before) or j < len(after):
        if i < len(before) and j < len(after) and before[i] == after[j]:
            yield (before[i],), (after[j],)
            i, j = i + 1, j + 1
        elif i < len(before) and before[i] == 1:
            yield (1,), ()
            i += 1
        elif j < len(after) and after[j] == 1:
            yield (), (1,)
            j += 1
        elif i == len(before) or j == len(after):  # equal by a guard only: one run
            yield before[i:], after[j:]
            return
        else:
            i_end, j_end = _run(before, after, i, j)
            yield before[i:i_end], after[j:j_end]
            i, j = i_end, j_end


def _run(before: Shape, after: Shape, i: int, j: int) -> tuple[int, int]:
    i_end, j_end = i + 1, j + 1
    left, right = before[i], after[j]
    while left != right and (i_end < len(before) or j_end < len(after)):
        grow_left = i_end < len(before) and (divides(left, right) or j_end == len(after))
        grow_right = j_end < len(after) and (divides(right, left) or i_end == len(before))
        if grow_left or (not grow_right and i_end < len(before)):
            left, i_end = left * before[i_end], i_end + 1
        if (grow_right and not grow_left) or (not (grow_left or grow_right) and j_end < len(after)):
            right, j_end = right * after[j_end], j_end + 1
    return i_end, j_end


@final
@dataclass(frozen=True)
class Transpose(_Rearrangement):
    """The axes in another order."""

    name: ClassVar[str] = "transpose"
    view_only: ClassVar[bool] = True
    axes: tuple[int, ...]

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0].with_shape(inputs[0].shape[axis] for axis in self.axes),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(inputs[0])
        return [[term(Labels(i[axis] for axis in self.axes), i)]]

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        return input.permute(self.axes)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("Transpose", write.read(node.inputs[0]), perm=list(self.axes))]


@final
@dataclass(frozen=True)
class BroadcastTo(_Rearrangement):
    """Repeated along size-1 axes and new leading axes."""

    name: ClassVar[str] = "broadcast_to"
    view_only: ClassVar[bool] = True
    shape: Shape

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if broadcast_shapes(inputs[0].shape, self.shape) != self.shape:
            raise ShapeError(explain(str(inputs[0]), f"a shape that repeats to {format_shape(self.shape)}"))
        return (inputs[0].with_shape(self.shape),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        out = labels(outputs[0])
        return [[term(out, out.against(inputs[0].shape))]]

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        return input.broadcast(tuple(map(int, output.shape)))  # type: ignore[arg-type]  # bound

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("Expand", write.read(node.inputs[0]), write.sizes(self.shape), since=8)]


@operator("reshape")
def reshape(x: Any, shape: Sequence[Size | str] | Size | str) -> Value:
    """The elements of `x` in row-major order under another shape; one -1 stands for what is left.

    Raises ShapeError where the numbers of elements differ.

    >>> from irgraph import input
    >>> reshape(input("x", ("batch", 8, 8)), ("batch", -1))
    <a result of reshape : float32[batch, 64]>
    """
    x = as_value(x)
    written = (shape,) if isinstance(shape, (int, str)) or not isinstance(shape, Sequence) else tuple(shape)
    unknown = [axis for axis, size in enumerate(written) if isinstance(size, int) and size == -1]
    if len(unknown) > 1:
        raise ShapeError(explain(f"the shape {written}", "-1 at most once", here()))
    sizes = as_shape([1 if axis in unknown else size for axis, size in enumerate(written)])
    if unknown:
        rest = product(sizes)
        if not divides(rest, x.type.size):
            raise ShapeError(
                explain(f"{x.type.size} elements", f"a multiple of {rest} for the shape {written}", here())
            )
        sizes = tuple(x.type.size // rest if axis in unknown else size for axis, size in enumerate(sizes))
    return x if sizes == x.shape else Reshape(sizes)(x)


@operator("transpose")
def transpose(x: Any, axes: Sequence[int] | None = None) -> Value:
    """`x` with its axes in the order `axes` (reversed by default).

    >>> from irgraph import input
    >>> transpose(input("x", ("batch", 3, 4)), (0, 2, 1))
    <a result of transpose : float32[batch, 4, 3]>
    """
    x = as_value(x)
    wanted = range(x.ndim - 1, -1, -1) if axes is None else axes
    order = tuple(normalize_axis(axis, x.ndim) for axis in wanted)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(explain(f"axes {tuple(wanted)}", f"each of the {x.ndim} axes once", here()))
    return Transpose(order)(x)


def broadcast_to(x: Any, shape: Sequence[Size | str] | Size | str) -> Value:
    """`x` repeated to `shape`, by the broadcasting rule.

    >>> from irgraph import input
    >>> broadcast_to(input("x", (3,)), ("batch", 3))
    <a result of broadcast_to : float32[batch, 3]>
    """
    x = as_value(x)
    sizes = as_shape(shape)
    return x if sizes == x.shape else BroadcastTo(sizes)(x)


def expand_dims(x: Any, axis: int) -> Value:
    """`x` with a new axis of size 1 at `axis` of the result.

    >>> from irgraph import input
    >>> expand_dims(input("x", ("batch",)), -1)
    <a result of reshape : float32[batch, 1]>
    """
    x = as_value(x)
    at = normalize_axis(axis, x.ndim + 1)
    return reshape(x, (*x.shape[:at], 1, *x.shape[at:]))
