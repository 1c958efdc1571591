"""Random well-typed graphs with fan-out: values, gradients, determinism, and memory.

A program is a list of instructions. One interpreter runs it on graph values and on float64 arrays:
NumPy is the oracle, and its central differences are the oracle of the gradients.
IRGRAPH_RANDOM_GRAPHS=10000 makes a long run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import irgraph as ig
from irgraph.compiler.plan import Plan, aligned
from irgraph.compiler.protocol import PreparedPlan
from irgraph.op import Op
from irgraph.printing import to_text
from irgraph_numpy import NumpyExecutor

Array = np.ndarray[Any, Any]
EXAMPLES = int(os.environ.get("IRGRAPH_RANDOM_GRAPHS", "60"))
FEW = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


class Arrays:
    """The functions of irgraph that instructions call, on NumPy arrays."""

    tanh, exp, log, sqrt, sin, cos = np.tanh, np.exp, np.log, np.sqrt, np.sin, np.cos
    maximum, minimum, where, concatenate = np.maximum, np.minimum, np.where, np.concatenate
    flip, roll, stack, einsum, take_along_axis = np.flip, np.roll, np.stack, np.einsum, np.take_along_axis
    logaddexp, expm1, arctan = np.logaddexp, np.expm1, np.arctan
    variance = staticmethod(np.var)
    prod = staticmethod(np.prod)

    @staticmethod
    def cast(x: Array, dtype: Any) -> Array:
        """In float64 where it is a float at all."""
        wanted = np.dtype(getattr(dtype, "name", dtype))
        return x.astype(np.float64 if wanted.kind == "f" else wanted)

    @staticmethod
    def sigmoid(x: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-x)))

    @staticmethod
    def relu(x: Array) -> Array:
        return np.maximum(x, 0)

    @staticmethod
    def pad(x: Array, widths: list[tuple[int, int]]) -> Array:
        return np.pad(x, widths)

    @staticmethod
    def cumsum(x: Array, axis: int, reverse: bool = False) -> Array:
        return np.flip(np.flip(x, axis).cumsum(axis), axis) if reverse else x.cumsum(axis)

    @staticmethod
    def softmax(x: Array, axis: int) -> Array:
        raised = np.exp(x - x.max(axis, keepdims=True))
        return np.asarray(raised / raised.sum(axis, keepdims=True))

    @staticmethod
    def log_softmax(x: Array, axis: int) -> Array:
        return np.log(Arrays.softmax(x, axis))

    @staticmethod
    def gather(x: Array, index: Any, axis: int) -> Array:
        return np.asarray(np.take(x, index, axis))

    @staticmethod
    def scatter_add(x: Array, index: Any, size: int) -> Array:
        out = np.zeros((size, *x.shape[1:]))
        np.add.at(out, index, x)
        return out


def fitting(a: Any, b: Any) -> Any:
    """`b`, or its mean where it does not broadcast against `a`."""
    pairs = zip(reversed(a.shape), reversed(b.shape), strict=False)
    return b if all(m == n or 1 in (m, n) for m, n in pairs) else b.mean()


def folded(m: Any, a: Any, b: Any, k: int) -> Any:
    """A reshape that keeps no axis."""
    rows = next(n for n in range(2 + k % 3, 0, -1) if a.shape[0] * a.shape[1] % n == 0)
    return a.reshape(rows, a.shape[0] * a.shape[1] // rows)


def beside(m: Any, a: Any, b: Any, k: int) -> Any:
    """Two values in one, with what is missing repeated."""
    return m.concatenate([a, b, a], 0) if a.shape[1] == b.shape[1] else m.concatenate([a, -a], k % 2)


def counted(m: Any, a: Any, b: Any, k: int) -> Any:
    """How many elements of each row are large, in integers of some width, times the row."""
    width = ("int8", "uint8", "int16", "int32", "int64")[k % 5]
    large = m.cast(a > 0.1371, width) * 3 + m.cast(fitting(a, b) <= 0.2413, width)
    return a * m.cast(large.sum(axis=1, keepdims=True), a.dtype) * 0.1


def wide(m: Any, a: Any, b: Any, k: int) -> Any:
    """A detour through float64."""
    return m.cast(m.sin(m.cast(a, "float64") * m.cast(fitting(a, b), "float64")), a.dtype)


def masked(m: Any, a: Any, b: Any, k: int) -> Any:
    """Booleans as a choice, and as numbers."""
    positive = a > -0.1719
    return m.where(positive, m.cast(positive, a.dtype) - a, m.cast(fitting(a, b) < 0.3173, a.dtype))


# Each takes the functions, two matrices and a number, and gives a matrix.
Instruction = Callable[[Any, Any, Any, int], Any]
INSTRUCTIONS: dict[str, Instruction] = {
    "add": lambda m, a, b, k: a + fitting(a, b),
    "subtract": lambda m, a, b, k: fitting(a, b) - a,
    "multiply": lambda m, a, b, k: a * m.tanh(fitting(a, b)),
    "square": lambda m, a, b, k: m.tanh(a) * m.tanh(a) * 3.0,
    "divide": lambda m, a, b, k: a / (1.5 + m.sin(fitting(a, b))),
    "maximum": lambda m, a, b, k: m.maximum(a, fitting(a, b)),
    "minimum": lambda m, a, b, k: m.minimum(a, 0.3),
    "where": lambda m, a, b, k: m.where(a > 0.1371, a, fitting(a, b)),
    "counted": counted,
    "wide": wide,
    "masked": masked,
    "exp": lambda m, a, b, k: m.exp(m.tanh(a)),
    "log": lambda m, a, b, k: m.log(1.25 + a * a),
    "sqrt": lambda m, a, b, k: m.sqrt(1.0 + a * a),
    "cos": lambda m, a, b, k: m.cos(a),
    "sigmoid": lambda m, a, b, k: m.sigmoid(a),
    "relu": lambda m, a, b, k: m.relu(a - 0.05),
    "sum": lambda m, a, b, k: a.sum(axis=k % 2, keepdims=True),
    "mean": lambda m, a, b, k: a.mean(axis=k % 2, keepdims=True),
    "max": lambda m, a, b, k: a.max(axis=k % 2, keepdims=True),
    "transpose": lambda m, a, b, k: a.T,
    "reshape": folded,
    "slice": lambda m, a, b, k: [a[::-1], a[:, ::2], a[:, ::-2], a[-1:], a[:1, ::-1]][k % 5],
    "concatenate": beside,
    "pad": lambda m, a, b, k: m.pad(a, [(k % 2, 0), (0, 1)]),
    "flip": lambda m, a, b, k: m.flip(a, k % 2),
    "roll": lambda m, a, b, k: m.roll(a, k - 7, k % 2),
    "stack": lambda m, a, b, k: m.stack([a, m.tanh(a)], k % 3).reshape(-1, a.shape[k % 2]),
    "einsum": lambda m, a, b, k: m.einsum(
        ["ij,kj->ik", "ij,kj->ki", "ij,kj->ij"][k % 3], m.tanh(a), m.tanh(a)
    ),
    "along axis": lambda m, a, b, k: m.take_along_axis(a, np.zeros((1, a.shape[1]), np.int64), 0) + a,
    "logaddexp": lambda m, a, b, k: m.logaddexp(a, fitting(a, b)),
    "expm1": lambda m, a, b, k: m.expm1(m.arctan(a)),
    "variance": lambda m, a, b, k: m.variance(a, axis=k % 2, keepdims=True),
    "product": lambda m, a, b, k: m.prod(m.tanh(a) + 0.5, axis=k % 2, keepdims=True),
    "cumsum": lambda m, a, b, k: m.cumsum(a, k % 2, reverse=k % 3 == 0),
    "matmul": lambda m, a, b, k: m.tanh(a) @ m.tanh(a.T),
    "softmax": lambda m, a, b, k: m.softmax(a, k % 2),
    "log_softmax": lambda m, a, b, k: m.log_softmax(a, k % 2),
    "gather": lambda m, a, b, k: m.gather(a, [0, k % a.shape[k % 2], 0], k % 2),
    "scatter_add": lambda m, a, b, k: m.scatter_add(a, [(n + k) % 3 for n in range(a.shape[0])], 3),
}


@dataclass(frozen=True)
class Program:
    """Shapes of the inputs; instructions with two operands and a number; a seed for the arrays."""

    shapes: tuple[tuple[int, int], ...]
    steps: tuple[tuple[str, int, int, int], ...]
    seed: int

    def run(self, functions: Any, inputs: Sequence[Any]) -> list[Any]:
        """All values that nothing uses, and one that is used."""
        values = list(inputs)
        used: set[int] = set()
        for name, left, right, number in self.steps:
            first, second = left % len(values), right % len(values)
            made = INSTRUCTIONS[name](functions, values[first], values[second], number)
            if made.shape[0] * made.shape[1] > 60:  # nothing grows for ever
                made = made[:4, :6]
            used |= {first, second}
            values.append(made)
        return [values[n] for n in range(len(values)) if n not in used or n == len(values) // 2]

    def inputs(self, dtype: str) -> list[ig.Value]:
        return [ig.input(f"x{n}", shape, dtype) for n, shape in enumerate(self.shapes)]

    def arrays(self) -> list[Array]:
        rng = np.random.default_rng(self.seed)
        return [rng.standard_normal(shape) for shape in self.shapes]

    def loss(self, functions: Any, inputs: Sequence[Any]) -> Any:
        """One number that every value has a part in."""
        total = inputs[0].sum() * 0.5
        for n, value in enumerate(self.run(functions, inputs)):
            total = total + functions.sin(value + 0.1 * n).mean()
        return total


def programs() -> st.SearchStrategy[Program]:
    sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
    step = st.tuples(
        st.sampled_from(sorted(INSTRUCTIONS)), st.integers(0, 40), st.integers(0, 40), st.integers(0, 29)
    )
    return st.builds(
        Program,
        st.lists(sizes, min_size=1, max_size=3).map(tuple),
        st.lists(step, min_size=1, max_size=14).map(tuple),
        st.integers(0, 2**16),
    )


def fed(function: ig.Function, arrays: Sequence[Array]) -> dict[str, Array]:
    return {name: arrays[int(name[1:])] for name in function.graph.inputs}


def close(found: Any, wanted: Any, tolerance: float) -> None:
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


@FEW
@given(programs())
def test_float32_values_are_those_of_numpy_in_float64(program: Program) -> None:
    function = ig.compile(program.run(ig, program.inputs("float32")), verify=True)
    arrays = [array.astype(np.float32) for array in program.arrays()]
    wanted = program.run(Arrays, [array.astype(np.float64) for array in arrays])
    for found, expected in zip(function(**fed(function, arrays)), wanted, strict=True):
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        close(found, expected, 1e-4)


@FEW
@given(programs())
def test_gradients_are_central_differences_of_numpy(program: Program) -> None:
    xs, arrays = program.inputs("float64"), program.arrays()
    function = ig.compile(ig.grad(program.loss(ig, xs), xs, disconnected="zero"), verify=True)
    slopes = function(**fed(function, arrays))
    rng = np.random.default_rng(program.seed)
    directions = [rng.standard_normal(array.shape) for array in arrays]
    ahead, behind = (
        program.loss(Arrays, [array + h * t for array, t in zip(arrays, directions, strict=True)])
        for h in (1e-6, -1e-6)
    )
    along = sum(float((slope * t).sum()) for slope, t in zip(slopes, directions, strict=True))
    assert abs(along - (ahead - behind) / 2e-6) <= 1e-6 * max(1.0, abs(along))


@FEW
@given(programs())
def test_one_graph_gives_one_program(program: Program) -> None:
    xs = program.inputs("float32")
    loss = program.loss(ig, xs)
    outputs = [loss, *ig.grad(loss, xs, disconnected="zero")]
    first, again = ig.compile(outputs), ig.compile(outputs)
    assert to_text(first.program.graph) == to_text(again.program.graph)
    assert first.plan().arena_nbytes == again.plan().arena_nbytes
    places = [[(b.first, b.last, b.offset) for b in f.plan().buffers] for f in (first, again)]
    assert places[0] == places[1]


class Apart(NumpyExecutor):
    """Every value in memory of its own; nothing is overwritten."""

    def is_single_pass(self, op: type[Op]) -> bool:
        return False

    def prepare(self, plan: Plan, state: Mapping[str, Any], check: bool = False) -> Any:
        end = 0
        for buffer in plan.buffers:
            buffer.offset = end
            end += aligned(buffer.nbytes)
        return super().prepare(replace(plan, arena_nbytes=end), state, check)


class Poisoned(NumpyExecutor):
    """An arena of NaN, renewed before each step."""

    def allocate(self, nbytes: int) -> Array:
        self.memory = super().allocate(nbytes)
        self.memory[...] = 0xFF
        return self.memory

    def prepare(self, plan: Plan, state: Mapping[str, Any], check: bool = False) -> Any:
        prepared: PreparedPlan = super().prepare(plan, state, check)
        constant = {slot.buffer for step in plan.prologue for slot in step.outputs}
        memory = self.memory

        def step(fed: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
            for buffer in plan.buffers:
                if buffer not in constant:
                    memory[buffer.offset : buffer.offset + buffer.nbytes] = 0xFF
            return prepared(fed, out)

        step.arena_nbytes = prepared.arena_nbytes  # type: ignore[attr-defined]
        return step


@FEW
@given(programs())
def test_memory_that_is_shared_changes_nothing(program: Program) -> None:
    """The planned arena, memory for each value, and an arena full of NaN give the same bits."""
    xs, arrays = program.inputs("float32"), program.arrays()
    loss = program.loss(ig, xs)
    outputs = [loss, *ig.grad(loss, xs, disconnected="zero"), *program.run(ig, xs)]
    functions = [ig.compile(outputs, executor=executor) for executor in ("numpy", Apart(), Poisoned())]
    assert_no_overlap(functions[0].plan())
    for scale in (1.0, -0.5):
        scaled = [array * scale for array in arrays]
        planned, *others = [function(**fed(function, scaled)) for function in functions]
        for other in others:
            for one, two in zip(planned, other, strict=True):
                np.testing.assert_array_equal(one, two)


def assert_no_overlap(plan: Plan) -> None:
    """Buffers that live at one time lie apart, inside the arena, aligned."""
    for n, one in enumerate(plan.buffers):
        assert one.offset % 64 == 0
        assert 0 <= one.offset <= one.offset + one.nbytes <= plan.arena_nbytes
        for two in plan.buffers[:n]:
            if one.first <= two.last and two.first <= one.last and one.nbytes and two.nbytes:
                assert one.offset + one.nbytes <= two.offset or two.offset + two.nbytes <= one.offset
