"""Factorizations of matrices: cholesky, qr, eigh, svd.

All state `vjp` and `jvp`, which are exact transposes of each other. An output that is not used costs
nothing in reverse mode: its cotangent is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, final

from ..dims import Size, at_least
from ..errors import ShapeError, explain
from ..op import Cost, Op
from ..types import TensorType
from ..value import Node, Value
from .comparison import equal, where
from .linear_solve import TriangularSolve
from .matrices import (
    NO_ONNX,
    as_matrices,
    below_diagonal,
    diagonal_matrix,
    diagonal_of,
    flipped,
    identity_like,
    on_diagonal,
    require_matrices,
    symmetric,
)
from .shape import expand_dims

Values = Sequence[Value]
Directions = Sequence[Value | None]


def plus(a: Value | None, b: Value | None) -> Value | None:
    """The sum, where None is zero."""
    return b if a is None else a if b is None else a + b


class _Factorization(Op):
    no_onnx: ClassVar[str | None] = NO_ONNX
    core_rank: ClassVar[int | None] = 2
    rounds: ClassVar[int]  # flops for each element and column, about

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        (a,) = inputs
        moved = a.nbytes
        for type in outputs:
            moved = moved + type.nbytes
        return Cost(self.rounds * a.shape[-1] * a.size, moved)


@final
class Cholesky(_Factorization):
    """The lower triangular L with L Lᵀ = A, for symmetric positive definite matrices.

    Murray, "Differentiation of the Cholesky decomposition", 2016, section 3.
    """

    name: ClassVar[str] = "cholesky"
    rounds: ClassVar[int] = 1

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_matrices(self.name, inputs[0])
        return inputs

    def jvp(self, inputs: Values, outputs: Values, tangents: Directions) -> Directions:
        """L Φ(L⁻¹ dA L⁻ᵀ), where Φ takes the lower triangle and half the diagonal."""
        (low,), (da,) = outputs, tangents
        if da is None:
            return (None,)
        left = TriangularSolve()(low, da)
        return (low @ _halved(flipped(TriangularSolve()(low, flipped(left)))),)

    def vjp(self, inputs: Values, outputs: Values, cotangents: Directions) -> Directions:
        """L⁻ᵀ Φ(Lᵀ c) L⁻¹."""
        (low,), (c,) = outputs, cotangents
        if c is None:
            return (None,)
        back = TriangularSolve(transposed=True)
        left = back(low, _halved(flipped(low) @ c))
        return (flipped(back(low, flipped(left))),)


def _halved(x: Value) -> Value:
    return below_diagonal(x) + on_diagonal(x) * 0.5


@final
class Qr(_Factorization):
    """Orthonormal columns Q and an upper triangular R with Q R = A, for matrices with full column rank.

    Seeger et al., "Auto-differentiating linear algebra", 2017, for the reverse direction.
    """

    name: ClassVar[str] = "qr"
    rounds: ClassVar[int] = 4

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (a,) = inputs
        n = require_matrices(self.name, a, square=False)
        if not at_least(a.shape[-2], n):
            raise ShapeError(explain(str(a), "at least as many rows as columns", do="Transpose it."))
        return a, a.with_shape((*a.shape[:-2], n, n))

    def jvp(self, inputs: Values, outputs: Values, tangents: Directions) -> Directions:
        """X + Q (O - S) and (S - O) R, with X = dA R⁻¹, S = Qᵀ X, and O skew with the lower triangle of S."""
        (q, r), (da,) = outputs, tangents
        if da is None:
            return None, None
        x = flipped(TriangularSolve(lower=False, transposed=True)(r, flipped(da)))
        s = flipped(q) @ x
        low = below_diagonal(s)
        upper = s - low + flipped(low)
        return x - q @ upper, upper @ r

    def vjp(self, inputs: Values, outputs: Values, cotangents: Directions) -> Directions:
        (q, r), (cq, cr) = outputs, cotangents
        skew = plus(None if cq is None else flipped(q) @ cq, None if cr is None else -(cr @ flipped(r)))
        if skew is None:
            return (None,)
        s = below_diagonal(skew - flipped(skew)) - skew
        x = q @ s
        x = x if cq is None else x + cq
        return (flipped(TriangularSolve(lower=False)(r, flipped(x))),)


def _gaps(left: Value, right: Value) -> Value:
    """1 / (right - left) off the diagonal, and 0 on it."""
    eye = equal(identity_like(left), 1.0)
    gaps = where(eye, 1.0, expand_dims(right, -2) - expand_dims(left, -1))
    return where(eye, 0.0, 1.0 / gaps)


@final
class Eigh(_Factorization):
    """Eigenvalues in ascending order and orthonormal eigenvectors V of symmetric matrices.

    Giles, 2008, section 3.1. Eigenvectors have a derivative only where their eigenvalue is simple.
    """

    name: ClassVar[str] = "eigh"
    rounds: ClassVar[int] = 9

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_matrices(self.name, inputs[0])
        return inputs[0].with_shape(inputs[0].shape[:-1]), inputs[0]

    def jvp(self, inputs: Values, outputs: Values, tangents: Directions) -> Directions:
        (w, v), (da,) = outputs, tangents
        if da is None:
            return None, None
        inner = flipped(v) @ da @ v
        return diagonal_of(inner), v @ (_gaps(w, w) * inner)

    def vjp(self, inputs: Values, outputs: Values, cotangents: Directions) -> Directions:
        (w, v), (cw, cv) = outputs, cotangents
        by_values = None if cw is None else diagonal_matrix(cw)
        by_vectors = None if cv is None else _gaps(w, w) * (flipped(v) @ cv)
        inner = plus(by_values, by_vectors)
        return (None if inner is None else v @ inner @ flipped(v),)


@final
class Svd(_Factorization):
    """U, s and Vᵀ with U diag(s) Vᵀ = A: the reduced form, singular values in descending order.

    Townsend, "Differentiating the singular value decomposition", 2016, equations 16 to 23. U and V have a
    derivative only where singular values differ, and are not 0 for matrices that are not square.
    """

    name: ClassVar[str] = "svd"
    rounds: ClassVar[int] = 14

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (a,) = inputs
        require_matrices(self.name, a, square=False)
        *lead, m, n = a.shape
        k: Size = n if m == n or at_least(m, n) else m
        return a.with_shape((*lead, m, k)), a.with_shape((*lead, k)), a.with_shape((*lead, k, n))

    def jvp(self, inputs: Values, outputs: Values, tangents: Directions) -> Directions:
        """With P = Uᵀ dA V: dU = U (F ∘ (P D + D Pᵀ)) + (1 - U Uᵀ) dA V D⁻¹, ds = diag(P), dV like dU."""
        (u, s, vt), (da,) = outputs, tangents
        if da is None:
            return None, None, None
        row, column = expand_dims(s, -2), expand_dims(s, -1)
        gaps = _gaps(s * s, s * s)
        ahead, behind = da @ flipped(vt), flipped(da) @ u
        p = flipped(u) @ ahead
        scaled = p * row
        du = u @ (gaps * (scaled + flipped(scaled)))
        turned = p * column
        dv = flipped(vt) @ (gaps * (turned + flipped(turned)))
        if u.shape[-2] != u.shape[-1]:
            du = du + (ahead - u @ p) / row
        if vt.shape[-2] != vt.shape[-1]:
            dv = dv + (behind - flipped(vt) @ flipped(p)) / row
        return du, diagonal_of(p), flipped(dv)

    def vjp(self, inputs: Values, outputs: Values, cotangents: Directions) -> Directions:
        (u, s, vt), (cu, cs, cvt) = outputs, cotangents
        row, column = expand_dims(s, -2), expand_dims(s, -1)
        p = None if cs is None else diagonal_matrix(cs)
        outside: Value | None = None
        if cu is not None:
            inner = _gaps(s * s, s * s) * (flipped(u) @ cu)
            p = plus(p, (inner + flipped(inner)) * row)
            if u.shape[-2] != u.shape[-1]:
                w = cu / row
                outside, p = w @ vt, plus(p, -(flipped(u) @ w))
        if cvt is not None:
            cv = flipped(cvt)
            inner = _gaps(s * s, s * s) * (vt @ cv)
            p = plus(p, (inner + flipped(inner)) * column)
            if vt.shape[-2] != vt.shape[-1]:
                w = cv / row
                outside, p = plus(outside, u @ flipped(w)), plus(p, -flipped(vt @ w))
        return (plus(None if p is None else u @ p @ vt, outside),)


class QrResult(NamedTuple):
    """The factors of `qr`."""

    Q: Value
    R: Value


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Value
    eigenvectors: Value


class SvdResult(NamedTuple):
    """The factors of `svd`."""

    U: Value
    S: Value
    Vh: Value


def cholesky(a: Any) -> Value:
    """The lower triangular L with `L @ L.T` equal to the symmetric part of `a` (…, n, n).

    The symmetric part is taken so that the gradient is symmetric, as in JAX; numpy.linalg.cholesky reads the
    lower triangle. Raises NumericalError when the graph runs for a matrix that is not positive definite.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cholesky(constant([[4.0, 2.0], [2.0, 5.0]])))
    array([[2., 0.], [1., 2.]], dtype=float32)
    """
    return Cholesky()(symmetric(as_matrices("cholesky", a)))


def qr(a: Any) -> QrResult:
    """Q with orthonormal columns and an upper triangular R with `Q @ R = a`: the reduced form.

    `a` (…, m, n) has at least as many rows as columns; the derivative needs full column rank. Signs are
    LAPACK's.

    >>> from irgraph import constant, evaluate
    >>> evaluate(abs(qr(constant([[3.0], [4.0]])).R))
    array([[5.]], dtype=float32)
    """
    return QrResult(*Node(Qr(), [as_matrices("qr", a, square=False)]).outputs)


def eigh(a: Any) -> EighResult:
    """Eigenvalues in ascending order, and eigenvectors as columns, of the symmetric part of `a` (…, n, n).

    Where eigenvalues coincide the derivative of their eigenvectors is infinite; that of the eigenvalues alone
    is not affected. Signs of eigenvectors are LAPACK's.

    >>> from irgraph import constant, evaluate
    >>> evaluate(eigh(constant([[2.0, 1.0], [1.0, 2.0]])).eigenvalues)
    array([1., 3.], dtype=float32)
    """
    return EighResult(*Node(Eigh(), [symmetric(as_matrices("eigh", a))]).outputs)


def eigvalsh(a: Any) -> Value:
    """The eigenvalues of the symmetric part of `a`; see `eigh`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(eigvalsh(constant([[2.0, 1.0], [1.0, 2.0]])))
    array([1., 3.], dtype=float32)
    """
    return eigh(a).eigenvalues


def svd(a: Any) -> SvdResult:
    """U, S and Vh with `U * S @ Vh = a` (…, m, n): the reduced form, as numpy.linalg.svd.

    Singular values descend. Where two coincide the derivative of U and Vh is infinite; that of the singular
    values alone is not affected.

    >>> from irgraph import constant, evaluate
    >>> evaluate(svd(constant([[0.0, 2.0], [3.0, 0.0]])).S)
    array([3., 2.], dtype=float32)
    """
    return SvdResult(*Node(Svd(), [as_matrices("svd", a, square=False)]).outputs)
