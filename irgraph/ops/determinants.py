"""Determinants, the pseudoinverse, and least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, final

from ..local_jacobian import ZERO, Grid, Labels, Terms, labels, term
from ..op import Cost, Op
from ..types import TensorType
from ..value import Node, Value
from .comparison import less, where
from .linear_solve import Inverse, inverse_terms
from .matmul import matmul
from .matrices import NO_ONNX, as_matrices, flipped, identity_like, require_matrices
from .operands import operands


def _through_inverse(a: Value, *factors: Value) -> Terms:
    """The terms of dA -> trace(A⁻¹ dA) times factors, for each matrix."""
    i = labels(a)
    batch = Labels(i[:-2])
    inverse = (Inverse()(a), Labels((*batch, i[-1], i[-2])))
    return term(batch, i, inverse, *[(factor, batch) for factor in factors])


def _elimination_cost(a: TensorType) -> Cost:
    return Cost((2 * a.shape[-1] * a.size) // 3, a.nbytes)


@final
class Det(Op):
    """The determinant of every matrix. Giles, 2008, section 2.2.4."""

    name: ClassVar[str] = "det"
    onnx_type: ClassVar[str | None] = "Det"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_matrices(self.name, inputs[0])
        return (inputs[0].with_shape(inputs[0].shape[:-2]),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[_through_inverse(inputs[0], outputs[0])]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return _elimination_cost(inputs[0])


@final
class Slogdet(Op):
    """The sign of the determinant and the logarithm of its size; 0 and -inf for a singular matrix."""

    name: ClassVar[str] = "slogdet"
    no_onnx: ClassVar[str | None] = NO_ONNX

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_matrices(self.name, inputs[0])
        result = inputs[0].with_shape(inputs[0].shape[:-2])
        return result, result

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO], [_through_inverse(inputs[0])]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return _elimination_cost(inputs[0])


@final
@dataclass(frozen=True)
class Pinv(Op):
    """The Moore-Penrose inverse; singular values up to `rcond` times the largest count as 0.

    Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
    variables separate", 1973, equation 4.12, where the rank is constant nearby.
    """

    name: ClassVar[str] = "pinv"
    no_onnx: ClassVar[str | None] = NO_ONNX
    rcond: float = 1e-15

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (a,) = inputs
        require_matrices(self.name, a, square=False)
        return (a.with_shape((*a.shape[:-2], a.shape[-1], a.shape[-2])),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        """-P dA P + P Pᵀ dAᵀ (1 - A P) + (1 - P A) dAᵀ Pᵀ P."""
        (a,), (p,) = inputs, outputs
        i = labels(p)
        rest, residual = a @ p, p @ a
        by_rows = inverse_terms(p @ flipped(p), identity_like(rest) - rest, i)
        by_columns = inverse_terms(identity_like(residual) - residual, flipped(p) @ p, i)
        return [[-1.0 * inverse_terms(p, p, i) + _of_transpose(by_rows) + _of_transpose(by_columns)]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        (a,) = inputs
        return Cost(16 * a.shape[-1] * a.size, a.nbytes + outputs[0].nbytes)


def _of_transpose(terms: Terms) -> Terms:
    """The same terms, read with the two last axes of the input exchanged."""
    result: list[Any] = []
    for one in terms:
        *batch, row, column = one.in_
        result += term(one.out, Labels((*batch, column, row)), *one.factors)
    return Terms(result)


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Value
    logabsdet: Value


def det(a: Any) -> Value:
    """The determinants of square matrices `a` (…, n, n).

    The derivative goes through the inverse: it raises NumericalError for a matrix that is exactly singular.

    >>> from irgraph import constant, evaluate
    >>> evaluate(det(constant([[2.0, 0.0], [0.0, 4.0]])))
    array(8., dtype=float32)
    """
    return Det()(as_matrices("det", a))


def slogdet(a: Any) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its absolute value, which does not overflow.

    A singular matrix has sign 0 and -inf, and no derivative: that raises NumericalError.

    >>> from irgraph import constant, evaluate
    >>> sign, logarithm = evaluate(list(slogdet(constant([[-1.0, 0.0], [0.0, 1.0]]))))
    >>> float(sign), float(logarithm)
    (-1.0, 0.0)
    """
    return SlogdetResult(*Node(Slogdet(), [as_matrices("slogdet", a)]).outputs)


def logdet(a: Any) -> Value:
    """The logarithm of the determinants of square matrices `a` (…, n, n); NaN where one is negative.

    A singular matrix has -inf, and no derivative: that raises NumericalError.

    >>> from irgraph import constant, evaluate
    >>> evaluate(logdet(constant([[1.0, 0.0], [0.0, 1.0]])))
    array(0., dtype=float32)
    """
    sign, logarithm = slogdet(a)
    return where(less(sign, 0), float("nan"), logarithm)


def pinv(a: Any, rcond: float | None = None) -> Value:
    """The pseudoinverse of matrices `a` (…, m, n); singular values up to `rcond` times the largest are 0.

    By default `rcond` is 1e-15 in float64 and 1e-6 in float32. The derivative holds where the rank is
    constant nearby.

    >>> from irgraph import constant, evaluate
    >>> evaluate(pinv(constant([[2.0], [0.0]])))
    array([[0.5, 0. ]], dtype=float32)
    """
    a = as_matrices("pinv", a, square=False)
    if rcond is None:
        rcond = 1e-6 if a.dtype.itemsize == 4 else 1e-15
    return Pinv(float(rcond))(a)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Value:
    """The x of least norm that minimizes |a @ x - b|: `a` (…, m, n), `b` (…, m, k) or (m,). See `pinv`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(lstsq(constant([[1.0], [1.0]]), constant([1.0, 3.0]))).round(3)
    array([2.], dtype=float32)
    """
    a, b = operands("lstsq", a, b, at_least_float=True)
    inverse = pinv(a, rcond)
    return matmul(inverse, b)
