"""Generated kernels as data: a function of CUDA C, and a launch of it on arrays.

Nothing here needs a device. The same text is compiled by NVRTC for one, and by the tests for a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from irgraph.errors import ExecutorError, IrgraphError, explain

from .scalars import C_TYPES, PRELUDE

Array = Any  # an ndarray of NumPy or CuPy

OPTIONS = ("-std=c++17", "--fmad=false")
"""Without contraction a fused expression gives, bit for bit, what its parts give one after another."""

THREADS = 256
MOST_BLOCKS = 1 << 16  # where a thread can go on to a further element


@dataclass(frozen=True)
class Source:
    """One kernel: its parameters and its body in CUDA C, `before` it what it alone needs."""

    stem: str
    parameters: tuple[str, ...]
    body: str
    before: str = ""

    @cached_property
    def name(self) -> str:
        """The name of the function: the same text has the same name, on every machine."""
        text = "\n".join((*self.parameters, self.before, self.body))
        return f"{self.stem}_{blake2b(text.encode(), digest_size=6).hexdigest()}"

    @property
    def code(self) -> str:
        """The function, in a namespace of its own."""
        return (
            f"namespace of_{self.name} {{{self.before}\n"
            f'extern "C" __global__ void {self.name}({", ".join(self.parameters)}) {{\n{self.body}\n}}\n}}\n'
        )


def module(sources: Iterable[Source]) -> str:
    """The text of a module with some kernels, each once."""
    unique = {source.name: source.code for source in sources}
    return "\n".join([PRELUDE, *unique.values()])


@dataclass(frozen=True, eq=False)
class Launch:
    """A kernel on its arrays and numbers: `arguments` fit the parameters of the source, in C's types."""

    source: Source
    blocks: int
    threads: int
    arguments: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Product:
    """Matrix products out[i] = a[i] @ b[i] of floats, as cuBLAS takes them: in column-major order, so that
    the row-major `out = a @ b` is the column-major `outᵀ = bᵀ aᵀ`.

    `sizes` are rows, inner size and columns. A turned operand is one whose columns, not rows, lie in
    order. The rest is in elements, for a, b and out: where the first matrix begins in its array, the
    distance from one row (or column) to the next, and that from one of `count` matrices to the next.
    """

    arrays: tuple[Array, Array, Array]
    offsets: tuple[int, int, int]
    sizes: tuple[int, int, int]
    turned: tuple[bool, bool]
    leads: tuple[int, int, int]
    steps: tuple[int, int, int]
    count: int


@dataclass(frozen=True, eq=False)
class Routine:
    """A call of one of CUDA's libraries, which puts work on the stream. A step that failed repeats it."""

    call: Callable[[], object]


@dataclass(frozen=True, eq=False)
class Verdict:
    """The step fails if an element of `bad` is not 0, with `error` of what `arrays` hold, in host memory."""

    bad: Array
    arrays: tuple[Array, ...]
    error: Callable[..., IrgraphError]


def c_type(array: Array) -> str:
    """The C type of an array's elements."""
    name: str = array.dtype.name
    if name not in C_TYPES:
        raise ExecutorError(
            explain(
                f"an array of {name} on the GPU",
                f"one of {', '.join(C_TYPES)}",
                do="Cast it, or run on 'numpy'.",
            )
        )
    return C_TYPES[name]


def strides(array: Array) -> tuple[int, ...]:
    """The strides in elements."""
    itemsize: int = array.itemsize
    steps: tuple[int, ...] = array.strides
    return tuple([step // itemsize for step in steps])


def integer(number: int) -> Any:
    """An argument for a parameter of type long long."""
    return np.int64(number)


def blocks_for(count: int, threads: int = THREADS) -> int:
    """How many blocks a kernel needs whose threads go on by the size of the grid."""
    return max(1, min(-(-count // threads), MOST_BLOCKS))


LOOP = (
    "  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n;\n"
    "       i += (long long)gridDim.x * blockDim.x) {"
)
"""The loop over n elements, one or more for each thread."""


Strides = tuple[int, ...]


def collapse(shape: Sequence[int], operands: Sequence[Strides]) -> tuple[Strides, list[Strides]]:
    """The same elements with as few axes as all operands allow: axes of size 1 go, and neighbours that
    lie in order for every operand become one.

    >>> collapse((2, 1, 3, 4), [(12, 99, 4, 1), (0, 0, 0, 1)])
    ((6, 4), [(4, 1), (0, 1)])
    """
    kept: list[int] = []
    columns: list[Strides] = []  # for each kept axis the stride of each operand
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        column = tuple(each[axis] for each in operands)
        if kept and all(outer == inner * size for outer, inner in zip(columns[-1], column, strict=True)):
            kept[-1] *= size
            columns[-1] = column
        else:
            kept.append(size)
            columns.append(column)
    return tuple(kept), [tuple(column[n] for column in columns) for n in range(len(operands))]


def broadcast(array: Array, shape: Sequence[int]) -> Strides:
    """An array's strides for a shape that it broadcasts to."""
    lead: int = len(shape) - array.ndim
    own = [0 if size == 1 else stride for size, stride in zip(array.shape, strides(array), strict=True)]
    return (0,) * lead + tuple(own)
