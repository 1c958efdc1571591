"""What a case of an op consists of. The table of them is `irgraph.testing.cases`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..graph import Graph
from ..ops.sources import input
from ..types import as_dtype, numpy_kind
from ..value import Node, Value

Array = np.ndarray[Any, Any]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
Build = Callable[..., Any]  # of input values: one value, or a sequence of them
Oracle = Callable[..., Any] | None  # of arrays: an array or a number, or a sequence of them

LOW = ("float16", "bfloat16")

SIZES: dict[str, int] = {"n": 4, "m": 3}
"""What the names in the shapes of cases stand for, where nothing else is said."""


# ------------------------------------------------------------------------------------- samplers


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal numbers."""
    return rng.standard_normal(shape)


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers from 0.5 to 2."""
    return rng.uniform(0.5, 2.0, shape)


def off_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs, at least 0.3 away from 0."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 1.5, shape)


def spaced(offset: float) -> Draw:
    """Multiples of 0.5 plus an offset, all different: no two are close, nor two of other offsets."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        size = int(np.prod(shape))
        return (rng.permutation(size).reshape(shape) - size // 2) * 0.5 + offset

    return draw


def integers(low: int, high: int) -> Draw:
    """Integers from low to high - 1."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.integers(low, high, shape)

    return draw


def booleans(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """True and False."""
    return rng.integers(0, 2, shape).astype(bool)


def probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Positive numbers that sum to 1 along the last axis."""
    weights = rng.uniform(0.2, 1.0, shape)
    return np.asarray(weights / weights.sum(-1, keepdims=True))


# ---------------------------------------------------------------------------------------- cases


@dataclass(frozen=True)
class Arg:
    """One input of a case.

    `shape` holds integers and names (see `SIZES`); `dtype` None is the float dtype that is being
    tested; `differentiable` is whether derivatives towards it are to be checked.
    """

    shape: tuple[int | str, ...] = ()
    draw: Draw = normal
    dtype: str | None = None
    differentiable: bool = True

    def named_dtype(self, dtype: str) -> str:
        """The input's own dtype, or the one being tested."""
        return self.dtype or dtype

    def bound(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape in numbers."""
        return tuple(sizes[size] if isinstance(size, str) else size for size in self.shape)


def real(*shape: int | str, draw: Draw = normal) -> Arg:
    """A float input."""
    return Arg(shape, draw)


def whole(*shape: int | str, low: int = -5, high: int = 6, dtype: str = "int64") -> Arg:
    """An integer input."""
    return Arg(shape, integers(low, high), dtype, differentiable=False)


def truth(*shape: int | str) -> Arg:
    """A boolean input."""
    return Arg(shape, booleans, "bool", differentiable=False)


@dataclass(frozen=True)
class Case:
    """One way of using one op, with everything the laws need.

    `build` gets the input values in order and returns the results, the op being among the nodes that it
    makes. `oracle` gets the arrays, floats as float64, and returns what NumPy says; None: the op has no
    closed form, and only the other laws hold. `dtypes` are the float dtypes to test; where these are both
    and `low` holds, float16 and bfloat16 are tested, too.

    >>> case = Case("add", "row", lambda a, b: a + b, np.add, {"a": real("n", 3), "b": real(3)})
    >>> print(case.build_graph(named=True).outputs[0].type)
    float32[n, 3]
    """

    op: str
    name: str
    build: Build
    oracle: Oracle
    inputs: Mapping[str, Arg] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float32", "float64")
    sizes: Mapping[str, int] = field(default_factory=lambda: SIZES)
    low: bool = True

    def __str__(self) -> str:
        return f"{self.op}-{self.name}"

    @property
    def names(self) -> frozenset[str]:
        """The names in the shapes of the inputs."""
        found = [size for arg in self.inputs.values() for size in arg.shape if isinstance(size, str)]
        return frozenset(found)

    @property
    def low_dtypes(self) -> tuple[str, ...]:
        """The dtypes of low precision that the case holds in too."""
        generic = self.low and {"float32", "float64"} <= set(self.dtypes)
        return LOW if generic and any(arg.dtype is None for arg in self.inputs.values()) else ()

    @property
    def differentiable(self) -> tuple[str, ...]:
        """The inputs that derivatives are checked towards."""
        return tuple(
            n for n, arg in self.inputs.items() if arg.differentiable and arg.dtype in (None, "complex128")
        )

    def values(self, dtype: str | None = None, named: bool = False) -> dict[str, Value]:
        """New input values of a float dtype (the first by default); `named` keeps names in their shapes."""
        tested = dtype or self.dtypes[0]
        return {
            name: input(name, arg.shape if named else arg.bound(self.sizes), arg.named_dtype(tested))
            for name, arg in self.inputs.items()
        }

    def results(self, values: Mapping[str, Value]) -> list[Value]:
        """The outputs on some input values."""
        built = self.build(*[values[name] for name in self.inputs])
        return [built] if isinstance(built, Value) else list(built)

    def build_graph(self, dtype: str | None = None, named: bool = False) -> Graph:
        """The graph of the case, with outputs `y0`, `y1`, …; `named` keeps the names in the shapes."""
        results = self.results(self.values(dtype, named))
        return Graph({f"y{n}": value for n, value in enumerate(results)})

    def node(self, graph: Graph) -> Node:
        """The node of the case's op in a graph of it: the last one."""
        return next(node for node in reversed(graph.nodes) if node.op.name == self.op)

    def sample(
        self, rng: np.random.Generator, dtype: str | None = None, sizes: Mapping[str, int] | None = None
    ) -> dict[str, Array]:
        """Arrays to feed, by name; `sizes` are for the names in the shapes."""
        bound = {**self.sizes, **(sizes or {})}
        drawn: dict[str, Array] = {}
        for name, arg in self.inputs.items():
            wanted = as_dtype(arg.named_dtype(dtype or self.dtypes[0])).numpy
            with np.errstate(over="ignore"):  # beyond float16 is infinity
                drawn[name] = np.asarray(arg.draw(rng, arg.bound(bound))).astype(wanted)
        return drawn

    def expected(self, arrays: Mapping[str, Array]) -> list[Array]:
        """What the oracle says."""
        if self.oracle is None:
            raise ValueError(f"{self} has no oracle")
        wide = [a.astype(np.float64) if numpy_kind(a.dtype) == "f" else a for a in arrays.values()]
        found = self.oracle(*wide)
        return [np.asarray(a) for a in found] if isinstance(found, (list, tuple)) else [np.asarray(found)]

    @property
    def is_complex(self) -> bool:
        """Whether complex numbers occur, which ONNX does not take."""
        return any(v.dtype.is_complex for node in self.build_graph().nodes for v in node.outputs)

    def without_low(self) -> Case:
        """The case for float32 and float64 only, in which it is complex."""
        return replace(self, low=False)

    def only(self, *dtypes: str) -> Case:
        """The case for some float dtypes only."""
        return replace(self, dtypes=dtypes)


def case(
    op: str,
    name: str,
    build: Build,
    oracle: Oracle,
    /,
    **inputs: Arg,
) -> Case:
    """A case whose inputs are named by keywords.

    >>> str(case("tanh", "cube", lambda x: x.node.op, np.tanh, x=real("n", 2, 3)))
    'tanh-cube'
    """
    return Case(op, name, build, oracle, inputs)


@dataclass(frozen=True)
class BadCase:
    """A use of an op that must raise `error` with a message that matches `match`.

    `build` takes nothing: it makes its own inputs, on lines of irgraph, so that the line in the
    message is the caller's.
    """

    op: str
    name: str
    build: Callable[[], object]
    error: type[Exception]
    match: str

    def __str__(self) -> str:
        return f"{self.op}-{self.name}"
