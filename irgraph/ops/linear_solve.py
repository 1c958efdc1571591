"""Linear systems: solve, triangular_solve, inverse.

The derivatives are those of Giles, "An extended collection of matrix derivative results for forward and
reverse mode algorithmic differentiation", 2008, sections 2.2.3 and 2.3.1: a solution is linear in its right
side, and moves with the matrix as dx = -A⁻¹ dA x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import same_size
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import Dense, Grid, Label, Labels, Map, Terms, labels, term
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType
from ..value import Value
from .comparison import greater, greater_equal, where
from .constants import arange
from .matrices import NO_ONNX, as_columns, as_matrices, flipped, from_columns, require_matrices, spread
from .operands import operands
from .shape import expand_dims, reshape

Solver = Callable[[Value], Value]  # of right sides as the columns of matrices


class _Solution(Op):
    """x with A x = b, for matrices A of shape (…, n, n) and b of shape (…, n, k)."""

    no_onnx: ClassVar[str | None] = NO_ONNX

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        a, b = inputs
        n = require_matrices(self.name, a)
        if a.dtype != b.dtype:
            raise DTypeError(explain(f"{a} and {b}", "one dtype", do="Cast one of them."))
        pairs = zip((*a.shape[:-2], n), b.shape[:-1], strict=False)
        if a.rank != b.rank or any(same_size(one, other) is None for one, other in pairs):
            raise ShapeError(explain(f"matrices {a} and right sides {b}", "as many rows, and one batch"))
        return (b,)

    def solvers(self, a: Value) -> tuple[Solver, Solver]:
        """Solving with A, and with its transpose."""
        raise NotImplementedError

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        (a, _), (x,) = inputs, outputs
        i = labels(x)
        batch, k, rows, column = Labels(i[:-2]), i[-1], Label(i[-2].size), Label(i[-2].size)
        inverse = _solving(*self.solvers(a), i[-2], rows, batch)
        x_at = Dense(x, Labels((*batch, column, k)))
        kept = self.reads(rows, column)
        by_a = term(i, Labels((*batch, *self.read_as(rows, column))), inverse, x_at, *kept)
        return [[-1.0 * by_a, term(i, Labels((*batch, rows, k)), inverse)]]

    def read_as(self, row: Label, column: Label) -> tuple[Label, Label]:
        """The axes of A: its transpose may be what is solved with."""
        return row, column

    def reads(self, row: Label, column: Label) -> tuple[Dense, ...]:
        """Which elements of A are read."""
        return ()

    def jvp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """A⁻¹ (db - dA x): dA meets x first, where the terms would solve for every column of dA."""
        da, db = tangents
        if da is not None:
            moved = self.applied(da) @ outputs[0]
            db = -moved if db is None else db - moved
        return (None if db is None else self.solvers(inputs[0])[0](db),)

    def applied(self, da: Value) -> Value:
        """The part of dA that counts, as it multiplies x."""
        return da


def _solving(solve: Solver, solve_transposed: Solver, left: Label, right: Label, batch: Labels) -> Map:
    """The inverse as a linear map between vectors, one for each matrix."""

    def mapped(solver: Solver) -> Callable[[Value, int], Value]:
        return lambda t, lead: from_columns(solver(as_columns(t, lead)), t.shape[:lead])

    return Map(mapped(solve), mapped(solve_transposed), Labels((left,)), Labels((right,)), batch)


@final
class Solve(_Solution):
    """x with A x = b, by elimination with row exchanges."""

    name: ClassVar[str] = "solve"

    def solvers(self, a: Value) -> tuple[Solver, Solver]:
        return lambda b: Solve()(a, b), lambda b: Solve()(flipped(a), b)

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        a, b = inputs
        n = a.shape[-1]
        flops = (2 * n * a.size) // 3 + 2 * n * b.size
        return Cost(flops, a.nbytes + 2 * b.nbytes)


@final
@dataclass(frozen=True)
class TriangularSolve(_Solution):
    """x with A x = b or Aᵀ x = b for a triangular A; the other triangle is not read."""

    name: ClassVar[str] = "triangular_solve"
    lower: bool = True
    transposed: bool = False
    unit_diagonal: bool = False

    def solvers(self, a: Value) -> tuple[Solver, Solver]:
        other = TriangularSolve(self.lower, not self.transposed, self.unit_diagonal)
        return lambda b: self(a, b), lambda b: other(a, b)

    def read_as(self, row: Label, column: Label) -> tuple[Label, Label]:
        return (column, row) if self.transposed else (row, column)

    def reads(self, row: Label, column: Label) -> tuple[Dense, ...]:
        return (Dense(self._mask(row.size), Labels(self.read_as(row, column))),)

    def _mask(self, n: Any) -> Value:
        rows, columns = expand_dims(arange(n), -1), arange(n)
        more, less = (rows, columns) if self.lower else (columns, rows)
        return greater(more, less) if self.unit_diagonal else greater_equal(more, less)

    def applied(self, da: Value) -> Value:
        kept = where(self._mask(da.shape[-1]), da, 0.0)
        return flipped(kept) if self.transposed else kept

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        a, b = inputs
        return Cost(a.shape[-1] * b.size, a.nbytes // 2 + 2 * b.nbytes)


@final
class Inverse(Op):
    """The inverse of every matrix."""

    name: ClassVar[str] = "inverse"
    no_onnx: ClassVar[str | None] = NO_ONNX

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_matrices(self.name, inputs[0])
        return inputs

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        """dY = -Y dA Y. Giles, 2.2.3."""
        (y,) = outputs
        return [[-1.0 * inverse_terms(y, y, labels(y))]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        (a,) = inputs
        return Cost(2 * a.shape[-1] * a.size, 2 * a.nbytes)


def inverse_terms(left: Value, right: Value, i: Labels) -> Terms:
    """The terms of dA -> left dA right, with result labels `i`."""
    batch = Labels(i[:-2])
    row, column = Label(left.shape[-1]), Label(right.shape[-2])
    at_left, at_right = Labels((*batch, i[-2], row)), Labels((*batch, column, i[-1]))
    return term(i, Labels((*batch, row, column)), (left, at_left), (right, at_right))


def _systems(what: str, a: Any, b: Any) -> tuple[Value, Value, bool]:
    """Matrices and right sides with one batch; a single vector on the right is a column."""
    a, b = operands(what, a, b, at_least_float=True)
    as_matrices(what, a)
    is_vector = b.ndim == 1
    if b.ndim == 0:
        raise ShapeError(explain(f"{what} for the right side {b!r}", "a vector or matrices", here()))
    a, b = spread(what, a, reshape(b, (*b.shape, 1)) if is_vector else b)
    return a, b, is_vector


def solve(a: Any, b: Any) -> Value:
    """x with `a @ x = b`, as numpy.linalg.solve: `a` (…, n, n), `b` (…, n, k) or (n,), broadcast.

    Raises NumericalError when the graph runs for a matrix that is exactly singular, naming it.

    >>> from irgraph import constant, evaluate
    >>> evaluate(solve(constant([[2.0, 0.0], [0.0, 4.0]]), [1.0, 1.0]))
    array([0.5 , 0.25], dtype=float32)
    """
    a, b, is_vector = _systems("solve", a, b)
    x = Solve()(a, b)
    return reshape(x, x.shape[:-1]) if is_vector else x


def triangular_solve(
    a: Any, b: Any, lower: bool = True, transposed: bool = False, unit_diagonal: bool = False
) -> Value:
    """x with `a @ x = b` for triangular matrices `a`, of which only the one triangle is read.

    `transposed` solves with the transpose; `unit_diagonal` takes the diagonal as ones. Shapes as in `solve`.
    Raises NumericalError when the graph runs for a zero on the diagonal.

    >>> from irgraph import constant, evaluate
    >>> evaluate(triangular_solve(constant([[2.0, 9.0], [1.0, 4.0]]), [2.0, 9.0]))
    array([1., 2.], dtype=float32)
    """
    a, b, is_vector = _systems("triangular_solve", a, b)
    x = TriangularSolve(bool(lower), bool(transposed), bool(unit_diagonal))(a, b)
    return reshape(x, x.shape[:-1]) if is_vector else x


def inv(a: Any) -> Value:
    """The inverse of square matrices. To solve a system, `solve` is faster and more exact.

    Raises NumericalError when the graph runs for a matrix that is exactly singular.

    >>> from irgraph import constant, evaluate
    >>> evaluate(inv(constant([[2.0, 0.0], [0.0, 4.0]])))
    array([[0.5 , 0.  ], [0.  , 0.25]], dtype=float32)
    """
    return Inverse()(as_matrices("inv", a))
