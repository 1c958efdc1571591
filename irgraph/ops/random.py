"""Random numbers: the counter-based generator Philox, with key and counter in the state.

The stream of a random op comes from its name, so equal calls never merge, and the numbers are the
same on every executor. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from .. import init as initializers
from ..dims import Shape, Size, as_shape, divides
from ..errors import ShapeError, explain
from ..local_jacobian import ZERO, Grid
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, as_dtype, bfloat16, float16, float32, float64, int64, uint32, uint64
from ..value import Node, Value
from .comparison import greater_equal, where
from .constants import onnx_scalar
from .elementary import log, sqrt
from .operands import as_value
from .requirements import require_dtype, require_float
from .shape import onnx_target
from .sources import state
from .trigonometric import cos
from .update import with_update

if TYPE_CHECKING:
    from ..onnx_writer import OnnxWriter

# Philox4x32-10: Salmon et al., SC 2011, section 5.2.
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = 0xFFFFFFFF  # the lower of two words
ROUNDS = 10


@final
@dataclass(frozen=True)
class Philox(Op):
    """Uniform integers of some bits: block `i` of four words is Philox4x32-10 of the 128-bit counter
    (i, step low, step high, stream) under the 64-bit key."""

    name: ClassVar[str] = "philox"
    shape: Shape
    stream: int
    bits: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        for type in inputs:
            require_dtype("an int64 scalar", lambda dtype: dtype == int64, type)
            if type.rank:
                raise ShapeError(explain(str(type), "a scalar for the key and the step"))
        return (TensorType(uint32, self.shape),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO, ZERO]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return Cost(16 * outputs[0].size, outputs[0].nbytes)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        """In uint64, which holds the product of two words; exactly the numbers of the kernels."""
        key, step = (write.cast(write.read(value), uint64) for value in node.inputs)
        size = node.outputs[0].type.size
        if size == 0:
            return [write.node("Expand", write.constant(0, uint32), write.sizes(self.shape), since=13)]
        blocks = _onnx_blocks(write, key, step, self.stream, (size + 3) // 4)
        words = write.cast(_onnx_shifted(write, blocks, 32 - self.bits), uint32)
        words = write.node("Transpose", words, perm=[1, 0], since=13)
        flat = write.node("Reshape", words, write.constant([-1], int64), since=5)
        if not divides(4, size):
            start, axis = write.constant([0], int64), write.constant([0], int64)
            flat = write.node("Slice", flat, start, write.sizes((size,)), axis, since=10)
        target = onnx_target((size,), self.shape)
        if target is not None:
            return [write.node("Reshape", flat, write.constant(target, int64), since=5)]
        return [write.node("Reshape", flat, write.sizes(self.shape), since=14, allowzero=1)]


def _onnx_blocks(write: OnnxWriter, key: str, step: str, stream: int, count: Size) -> str:
    """`count` blocks of four words, shape (4, count): ten rounds on pairs, a = (c0, c2) and b = (c1, c3).

    A round multiplies, swaps, and parts the products p: a <- high(p) ^ b ^ key, b <- low(p). Pairs have
    shape (2, count); with a last axis of size 1, ONNX Runtime takes 20 times as long to meet a scalar.
    """

    def pair(first: int, second: int) -> str:
        return write.constant([[first], [second]], uint64)

    def low(words: str) -> str:
        return write.node("BitwiseAnd", words, write.constant(LOW, uint64), since=18)

    halves = pair(0, 32)
    keys = low(write.node("BitShift", key, halves, direction="RIGHT", since=11))
    rounds = [[[number * weyl & LOW] for weyl in WEYL] for number in range(ROUNDS)]
    keys = low(write.node("Add", keys, write.constant(rounds, uint64), since=14))
    steps = low(write.node("BitShift", step, halves, direction="RIGHT", since=11))
    numbers = write.node(
        "Range", write.constant(0, int64), onnx_scalar(write, count), write.constant(1, int64)
    )
    numbers = write.node("Mul", write.cast(numbers, uint64), pair(1, 0), since=14)
    a = write.node("Add", numbers, write.node("Mul", steps, pair(0, 1), since=14), since=14)
    b = write.node("Add", write.node("Mul", steps, pair(1, 0), since=14), pair(0, stream), since=14)
    for number in range(ROUNDS):
        product = write.node("Mul", a, pair(*MULTIPLIERS), since=14)
        product = write.node("Gather", product, write.constant([1, 0], int64), axis=0, since=13)
        round_key = write.node("Gather", keys, write.constant(number, int64), axis=0, since=13)
        high = _onnx_shifted(write, product, 32)
        mixed = write.node("BitwiseXor", b, round_key, since=18)
        a, b = write.node("BitwiseXor", high, mixed, since=18), low(product)
    words = write.node("Concat", a, b, axis=0, since=13)
    return write.node("Gather", words, write.constant([0, 2, 1, 3], int64), axis=0, since=13)


def _onnx_shifted(write: OnnxWriter, words: str, bits: int) -> str:
    return write.node("BitShift", words, write.constant(bits, uint64), direction="RIGHT", since=11)


@final
class RandomStream:
    """Random numbers for several draws on one graph: all move on together when a step commits.

    A draw by name has a stream of its own; layers that are called twice draw twice from theirs.

    >>> from irgraph import compile
    >>> stream = RandomStream("noise")
    >>> f = compile([random_uniform((2,), name=stream), random_uniform((2,), name=stream)], seed=1)
    >>> a, b = f()
    >>> bool((a != b).all()), list(f.state)
    (True, ['noise/key', 'noise/step'])
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = state(f"{name}/key", dtype="int64", init=initializers.seed())
        self.step = state(f"{name}/step", dtype="int64")
        self.following = self.step + 1  # one value, however many draws commit it
        self._draws: Counter[str] = Counter()

    def next_label(self) -> str:
        """What tells the next draw from the others."""
        counts = _draws.get()
        counts = self._draws if counts is None else counts
        counts[self.name] += 1
        return self.name if counts[self.name] == 1 else f"{self.name}/draw{counts[self.name]}"

    def words(self, label: str, shape: Shape, bits: int) -> Value:
        """Random words; whatever reads them, if only a gradient does, moves the stream on."""
        words = Philox(shape, zlib.crc32(label.encode()), bits)(self.key, self.step)
        return with_update(words, {self.step: self.following})


_draws: ContextVar[Counter[str] | None] = ContextVar("draws of each stream on one graph", default=None)


@contextmanager
def counting_draws() -> Iterator[None]:
    """Within it, the draws of every stream are counted anew: a graph that is built twice draws the same
    numbers from equal states.
    """
    token = _draws.set(Counter())
    try:
        yield
    finally:
        _draws.reset(token)


def _stream(name: str | RandomStream) -> RandomStream:
    return name if isinstance(name, RandomStream) else RandomStream(name)


def random_uniform(
    shape: Sequence[Size | str] | Size | str,
    low: float = 0.0,
    high: float = 1.0,
    *,
    name: str | RandomStream,
    dtype: object = "float32",
) -> Value:
    """Numbers spread evenly over [low, high), new at each step.

    The stream comes from `name`, and two streams of one graph need two names; a `RandomStream` for the name
    serves several draws. float32 has 24 random
    bits, float64 53, float16 11, bfloat16 8. `compile(seed=…)` sets the key.

    >>> from irgraph import compile
    >>> f = compile(random_uniform((2,), name="noise"), seed=1)
    >>> bool((f() != f()).all())
    True
    """
    unit = _unit(as_shape(shape), name, as_dtype(dtype))
    return unit if (low, high) == (0.0, 1.0) else unit * (high - low) + low


_BITS = {float32: 24, float16: 11, bfloat16: 8}
"""The bits of each significand: all multiples of 2^-bits below 1 are exact."""


def _unit(shape: Shape, name: str | RandomStream, dtype: Any) -> Value:
    require_float("random numbers", TensorType(dtype, ()))
    stream = _stream(name)
    label = stream.next_label()
    if dtype in _BITS:
        bits = _BITS[dtype]
        return stream.words(label, shape, bits).astype(dtype) * 2.0**-bits
    high = stream.words(label, shape, 27).astype(float64)
    low = stream.words(f"{label}/low", shape, 26).astype(float64)
    return (high * 2.0**26 + low) * 2.0**-53


def random_normal(
    shape: Sequence[Size | str] | Size | str,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    name: str | RandomStream,
    dtype: object = "float32",
) -> Value:
    """Normally distributed numbers, new at each step (Box and Muller, 1958).

    >>> from irgraph import compile
    >>> f = compile(random_normal((1000,), name="noise"), seed=1)
    >>> bool(abs(f().mean()) < 0.1)
    True
    """
    sizes = as_shape(shape)
    type = as_dtype(dtype)
    if type.is_low:  # what is drawn in float32 is rounded once
        return random_normal(shape, mean, std, name=name).astype(type)
    shared = isinstance(name, RandomStream)
    radius = sqrt(-2.0 * log(1.0 - _unit(sizes, name if shared else f"{name}/radius", type)))
    normal = radius * cos(2.0 * math.pi * _unit(sizes, name if shared else f"{name}/angle", type))
    return normal if (mean, std) == (0.0, 1.0) else normal * std + mean


def dropout(x: Any, rate: float, *, name: str | RandomStream) -> Value:
    """`x` with each element zeroed with probability `rate`, the others divided by 1 - rate.

    Build the graph for inference without it. Raises ShapeError unless 0 <= rate < 1.

    >>> from irgraph import compile, ones
    >>> f = compile(dropout(ones((4,)), 0.5, name="drop"), seed=0)
    >>> sorted(set(f().tolist()) | {0.0, 2.0})
    [0.0, 2.0]
    """
    value = as_value(x)
    if not 0 <= rate < 1:
        raise ShapeError(explain(f"a dropout rate of {rate}", "0 <= rate < 1", here()))
    if rate == 0:
        return value
    stream = _stream(name)
    kept = greater_equal(stream.words(stream.next_label(), value.shape, 24), round(rate * 2**24))
    return where(kept, value * (1 / (1 - rate)), 0.0)
