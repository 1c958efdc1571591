"""What the rooms of linear algebra share: matrices on the last two axes, one for each position before."""

from __future__ import annotations

from typing import Any

from ..dims import Shape, Size, product, same_size
from ..errors import ShapeError, explain
from ..origin import here
from ..types import TensorType, float32, float64
from ..value import Value
from .comparison import equal, greater, where
from .constants import arange
from .operands import as_float
from .positions import common_shape
from .reduce import Sum
from .requirements import require_dtype, require_float
from .shape import Transpose, broadcast_to, expand_dims, reshape

NO_ONNX = "ai.onnx has no factorizations and solvers of matrices"


def require_matrices(op: str, x: TensorType, square: bool = True) -> Size:
    """The number of columns. Raises ShapeError unless there are (square) matrices, of LAPACK's dtypes."""
    require_float(op, x)
    require_dtype("float32 or float64", lambda dtype: dtype in (float32, float64), x)
    if x.rank < 2 or (square and same_size(x.shape[-1], x.shape[-2]) is None):
        raise ShapeError(explain(str(x), f"{'square ' if square else ''}matrices on the last two axes"))
    return x.shape[-1]


def as_matrices(what: str, x: Any, square: bool = True) -> Value:
    """Matrices from what was written, integers as float32. Raises ShapeError unless there are any."""
    value = as_float(x)
    if value.ndim < 2 or (square and same_size(value.shape[-1], value.shape[-2]) is None):
        needed = f"{'square ' if square else ''}matrices on the last two axes"
        raise ShapeError(explain(f"{what} of {value!r}", needed, here()))
    return value


def flipped(x: Value) -> Value:
    """Every matrix transposed."""
    return Transpose((*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))(x)


def symmetric(x: Value) -> Value:
    """The symmetric part."""
    both: Value = x + flipped(x)
    return both * 0.5


def _rows_and_columns(m: Size, n: Size) -> tuple[Value, Value]:
    return expand_dims(arange(m), -1), arange(n)


def below_diagonal(x: Value) -> Value:
    """The elements below the diagonal, and zeros."""
    rows, columns = _rows_and_columns(*x.shape[-2:])
    return where(greater(rows, columns), x, 0.0)


def above_diagonal(x: Value) -> Value:
    """The elements above the diagonal, and zeros."""
    rows, columns = _rows_and_columns(*x.shape[-2:])
    return where(greater(columns, rows), x, 0.0)


def on_diagonal(x: Value) -> Value:
    """The elements on the diagonal, and zeros; a row of them repeats to a matrix first."""
    rows, columns = _rows_and_columns(x.shape[-1], x.shape[-1])
    return where(equal(rows, columns), x, 0.0)


def diagonal_matrix(row: Value) -> Value:
    """Square matrices with these diagonals."""
    return on_diagonal(expand_dims(row, -2))


def diagonal_of(x: Value) -> Value:
    """The diagonals of square matrices."""
    return Sum((x.ndim - 1,))(on_diagonal(x))


def identity_like(x: Value) -> Value:
    """The identity of as many columns as x."""
    rows, columns = _rows_and_columns(x.shape[-1], x.shape[-1])
    return equal(rows, columns).astype(x.dtype)


def spread(what: str, *values: Value) -> list[Value]:
    """Matrices whose leading axes are all of one shape."""
    lead = common_shape(f"{what} with leading axes", *[value.shape[:-2] for value in values])
    return [broadcast_to(value, (*lead, *value.shape[-2:])) for value in values]


def as_columns(rhs: Value, lead: int) -> Value:
    """Vectors with `lead` leading axes, laid out as the columns of one matrix for each of the other axes but
    the last: (lead…, batch…, n) becomes (batch…, n, product of lead)."""
    moved = Transpose((*range(lead, rhs.ndim), *range(lead)))(rhs) if lead else rhs
    kept = rhs.shape[lead:]
    return reshape(moved, (*kept, product(rhs.shape[:lead])))


def from_columns(columns: Value, lead: Shape) -> Value:
    """The inverse of `as_columns`."""
    kept = columns.shape[:-1]
    x = reshape(columns, (*kept, *lead))
    return Transpose((*range(len(kept), x.ndim), *range(len(kept))))(x) if lead else x
