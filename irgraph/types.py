"""Element types, tensor types, and the one broadcasting rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .dims import Shape, Size, bind, product, same_size
from .errors import DTypeError, ShapeError, explain
from .origin import here

Kind = Literal["bool", "int", "uint", "float", "complex"]


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """The type of a tensor's elements: a kind and a width in bytes. There is one object for each."""

    name: str
    kind: Kind
    itemsize: int

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of the same name; bfloat16 is that of ml_dtypes."""
        if self.name == "bfloat16":
            import ml_dtypes  # noqa: F401  # only where it is used: the import takes milliseconds

            return np.dtype("bfloat16")  # which NumPy knows from here on
        return np.dtype(self.name)

    @property
    def is_float(self) -> bool:
        """Whether it holds real numbers in floating point."""
        return self.kind == "float"

    @property
    def is_complex(self) -> bool:
        """Whether it holds complex numbers."""
        return self.kind == "complex"

    @property
    def is_inexact(self) -> bool:
        """Whether it is float or complex, and so has derivatives."""
        return self.kind in ("float", "complex")

    @property
    def real(self) -> DType:
        """The dtype of the real part: float32 for complex64, float64 for complex128, else itself."""
        return {complex64: float32, complex128: float64}.get(self, self)

    @property
    def is_low(self) -> bool:
        """Whether it is a float that is stored narrower than it is computed: float16 and bfloat16."""
        return self.kind == "float" and self.itemsize == 2

    @property
    def wide(self) -> DType:
        """The dtype in which it is computed: float32 for float16 and bfloat16, itself for the others."""
        return float32 if self.is_low else self

    @property
    def largest(self) -> float:
        """The largest finite number of a float dtype, and of the parts of a complex one."""
        return LARGEST[self.real.name]

    @property
    def is_integer(self) -> bool:
        """Whether it holds signed or unsigned integers."""
        return self.kind in ("int", "uint")

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__

    def __reduce__(self) -> tuple[Callable[[object], DType], tuple[str]]:
        return as_dtype, (self.name,)


bool_ = DType("bool", "bool", 1)
int8, int16, int32, int64 = (DType(f"int{8 * n}", "int", n) for n in (1, 2, 4, 8))
uint8, uint16, uint32, uint64 = (DType(f"uint{8 * n}", "uint", n) for n in (1, 2, 4, 8))
float16, float32, float64 = (DType(f"float{8 * n}", "float", n) for n in (2, 4, 8))
bfloat16 = DType("bfloat16", "float", 2)  # the upper half of a float32
complex64, complex128 = (DType(f"complex{8 * n}", "complex", n) for n in (8, 16))

DTYPES: dict[str, DType] = {
    dtype.name: dtype
    for dtype in (
        *(bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64),
        *(float16, bfloat16, float32, float64, complex64, complex128),
    )
}

LARGEST: dict[str, float] = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": float(np.finfo("float32").max),
    "float64": float(np.finfo("float64").max),
}


def numpy_kind(dtype: np.dtype[Any]) -> str:
    """NumPy's letter for the kind of a dtype: b, i, u, f, c. For bfloat16, which NumPy knows as void, f."""
    return "f" if dtype.name == "bfloat16" else dtype.kind


def overflows(array: np.ndarray[Any, Any], dtype: DType) -> np.ndarray[Any, Any]:
    """Which finite numbers a narrower float dtype can't hold: they would become infinite.

    >>> overflows(np.array([1e300, 1.0, np.inf]), float32)
    array([ True, False, False])
    """
    with np.errstate(all="ignore"):
        if array.size == 0 or float(np.abs(array).max()) <= dtype.largest:  # not so where there is a NaN
            return np.zeros(array.shape, bool)
        return np.asarray(np.isinf(array.astype(dtype.numpy)) & np.isfinite(array))


def as_dtype(dtype: object) -> DType:
    """The dtype for a name, a NumPy dtype, a NumPy scalar type, or `complex`, `float`, `int`, `bool`.

    >>> as_dtype("int64"), as_dtype(np.float32), as_dtype(float)
    (int64, float32, float32)
    """
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, str) and dtype in DTYPES:
        return DTYPES[dtype]
    if dtype is complex:
        return complex64
    if dtype is float:  # the default float is float32, not NumPy's float64
        return float32
    name = None
    if dtype is not None:  # which NumPy takes for float64
        with suppress(TypeError, ValueError):
            name = np.dtype(dtype).name  # type: ignore[call-overload]
    if name not in DTYPES:
        raise DTypeError(explain(f"the dtype {dtype!r}", f"one of {', '.join(DTYPES)}", here()))
    return DTYPES[name]


@dataclass(frozen=True, eq=True)
class TensorType:
    """A dtype and a shape: all that is known of a value before it is computed."""

    dtype: DType
    shape: Shape

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.dtype, self.shape))

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @cached_property
    def size(self) -> Size:
        """The number of elements."""
        return product(self.shape)

    @cached_property
    def nbytes(self) -> Size:
        """The number of bytes, without padding."""
        return self.size * self.dtype.itemsize

    def bind(self, sizes: Mapping[str, int]) -> TensorType:
        """The type with numbers for all named dims."""
        return TensorType(self.dtype, tuple(bind(size, sizes) for size in self.shape))

    def with_shape(self, shape: Iterable[Size]) -> TensorType:
        """The same dtype with another shape."""
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape with another dtype."""
        return TensorType(dtype, self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that several broadcast to, aligned at the right; a size 1 repeats.

    A named dim is never taken as 1, and two names do not broadcast.
    Raises ShapeError, with both shapes, where the rule does not allow it.

    >>> broadcast_shapes((5, 1), (3,))
    (5, 3)
    """
    first = shapes[0]
    if shapes.count(first) == len(shapes):
        return first
    rank = max(map(len, shapes))
    result: list[Size] = []
    for axis in range(-rank, 0):
        size: Size = 1
        for shape in shapes:
            if -axis > len(shape) or shape[axis] == 1:
                continue
            common = shape[axis] if size == 1 else same_size(size, shape[axis])
            if common is None:
                raise ShapeError(
                    f"found shapes {' and '.join(map(format_shape, shapes))}, where {size} meets "
                    f"{shape[axis]} on axis {axis}; needed equal sizes, or 1 on one side."
                )
            size = common
        result.append(size)
    return tuple(result)


def format_shape(shape: Shape) -> str:
    """A shape in a tuple's form, with names bare.

    >>> format_shape((3,))
    '(3,)'
    """
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def normalize_axis(axis: object, rank: int) -> int:
    """An axis counted from the front. Raises ShapeError where there is no such axis."""
    if not isinstance(axis, (int, np.integer)) or not -rank <= axis < rank:
        raise ShapeError(
            explain(f"axis {axis!r}", f"an integer from {-rank} to {rank - 1} for rank {rank}", here())
        )
    return int(axis) % rank


def normalize_axes(axis: int | Iterable[int] | None, rank: int) -> tuple[int, ...]:
    """Axes counted from the front, sorted; None means all. Raises ShapeError for a repeated one."""
    if axis is None:
        return tuple(range(rank))
    axes = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    found = tuple(sorted(normalize_axis(a, rank) for a in axes))
    if len(set(found)) != len(found):
        raise ShapeError(explain(f"axes {tuple(axes)} for rank {rank}", "each axis at most once", here()))
    return found
