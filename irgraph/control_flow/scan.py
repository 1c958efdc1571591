"""The op `scan`: a loop over the first axis of arrays, with a graph as its body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, final

from ..dims import Size, assume, same_size
from ..errors import ShapeError, explain
from ..graph import keep
from ..op import Cost, Op
from ..ops.rearranging import stack
from ..region import Region
from ..types import TensorType
from ..value import Node, Value

if TYPE_CHECKING:
    from ..onnx_writer import OnnxWriter

CARRY, X, CAPTURE = "carry", "x", "capture"
"""What the inputs of a body are called, with a number after it."""

UNROLLED = 32
"""The longest scan that is written out, for executors that have no loops and for plans of Jacobians."""

_T = TypeVar("_T")


class Parts(NamedTuple):
    """Something for each input of a scan, by what the input is."""

    carries: list[Any]
    xs: list[Any]
    captures: list[Any]


@final
@dataclass(frozen=True)
class Scan(Op):
    """A body applied `length` times: `carries, ys[t] = body(carries, xs[t], captures)`.

    The inputs are the first values of `carries` carries, then `xs` arrays that are read one position of the
    first axis at a time (the last first, if `reverse`), then captures: what the body reads of the graph
    outside. The outputs are the last values of the carries, then what the body makes besides, stacked on a
    new first axis. The body's inputs are called carry0, …, x0, …, capture0, …; those that it
    does not read it does not have.
    """

    name: ClassVar[str] = "scan"
    region_fields: ClassVar[tuple[str, ...]] = ("body",)
    takes_complex: ClassVar[bool] = True
    body: Region
    carries: int
    xs: int
    length: Size
    reverse: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        graph = self.body.graph
        carries, xs, captures = self.parts(inputs)
        steps = [self._step_of(x) for x in xs]
        needed = {key: value.type for key, value in graph.inputs.items()}
        for key, type in zip(self.keys(len(inputs)), [*carries, *steps, *captures], strict=True):
            if key in needed and not _same(type, needed.pop(key)):
                raise ShapeError(
                    explain(f"{type} for {key}", f"{graph.inputs[key].type}, which its body takes")
                )
        if needed or len(graph.outputs) < self.carries:
            left = ", ".join(needed) or f"{self.carries} carries"
            raise ShapeError(explain(f"{len(inputs)} inputs", f"one for each input of the body, {left} too"))
        for n, (first, new) in enumerate(zip(carries, graph.outputs, strict=False)):
            if not _same(first, new.type):
                raise ShapeError(
                    explain(f"{new.type} as the new carry {n}", f"{first}, its type at the start")
                )
        for node in graph.nodes:
            for guard in node.guards:
                assume(guard)
        stacked = [y.type.with_shape((self.length, *y.shape)) for y in graph.outputs[self.carries :]]
        return (*carries, *stacked)

    def _step_of(self, x: TensorType) -> TensorType:
        if not x.rank or same_size(x.shape[0], self.length) is None:
            raise ShapeError(explain(str(x), f"a first axis of {self.length}, one position for each step"))
        return x.with_shape(x.shape[1:])

    def parts(self, inputs: Sequence[_T]) -> Parts:
        """What belongs to the inputs, by their part."""
        a, b = self.carries, self.carries + self.xs
        return Parts(list(inputs[:a]), list(inputs[a:b]), list(inputs[b:]))

    def keys(self, count: int) -> list[str]:
        """What the inputs of a scan with so many inputs are called in its body."""
        return [
            *(f"{CARRY}{n}" for n in range(self.carries)),
            *(f"{X}{n}" for n in range(self.xs)),
            *(f"{CAPTURE}{n}" for n in range(count - self.carries - self.xs)),
        ]

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        from .backward import vjp

        return vjp(self, inputs, cotangents)

    def jvp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        from .forward import jvp

        return jvp(self, inputs, tangents)

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        """The body's, once for each step."""
        once = self.body.graph.cost()
        return Cost(once.flops * self.length, once.nbytes * self.length)

    def expand(self, *inputs: Value) -> Sequence[Value] | None:
        """The steps one after the other, where their number is known and not large."""
        if not isinstance(self.length, int) or not 1 <= self.length <= UNROLLED:
            return None
        carries, xs, captures = self.parts(inputs)
        made: list[list[Value]] = []
        for t in reversed(range(self.length)) if self.reverse else range(self.length):
            results = self.step([*carries, *(x[t] for x in xs), *captures])
            carries = results[: self.carries]
            made.append(results[self.carries :])
        if self.reverse:
            made.reverse()
        return [*carries, *(stack(each) for each in zip(*made, strict=True))]

    def step(self, inputs: Sequence[Value]) -> list[Value]:
        """The body on some values: its outputs."""
        given = dict(zip(self.keys(len(inputs)), inputs, strict=True))
        return inline(self.body, given)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return write.scan(node)


def inline(body: Region, given: dict[str, Value]) -> list[Value]:
    """The outputs of a body on some values, by the names of its inputs."""
    now: dict[Value, Value] = {value: given[key] for key, value in body.graph.inputs.items()}
    for node in body.graph.nodes:
        if node.outputs[0] not in now:
            values = keep(node, tuple([now[value] for value in node.inputs]))
            now.update(zip(node.outputs, values, strict=True))
    return [now[value] for value in body.graph.outputs]


def _same(one: TensorType, other: TensorType) -> bool:
    return one == other or (
        one.dtype == other.dtype
        and one.rank == other.rank
        and all(same_size(a, b) is not None for a, b in zip(one.shape, other.shape, strict=True))
    )
