"""Kernels of complex numbers: their parts are views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from irgraph.op import Op
from irgraph.ops.complex import Angle, Complex, Conj, Imag, Magnitude, Real

from .table import Array, Call, Context, assign, kernel


@kernel(Real, Imag, single_pass=True)
def _part(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    (x,), (out,) = inputs, outputs
    yield assign(out, x.real if isinstance(op, Real) else x.imag)


@kernel(Conj, Magnitude, single_pass=True)
def _ufunc(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    function = context.xp.conjugate if isinstance(op, Conj) else context.xp.absolute
    yield partial(function, inputs[0], outputs[0])


@kernel(Angle, single_pass=True)
def _angle(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    (x,), (out,) = inputs, outputs
    yield partial(context.xp.arctan2, x.imag, x.real, out)


@kernel(Complex)
def _complex(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    (re, im), (out,) = inputs, outputs
    yield assign(out.real, re)
    yield assign(out.imag, im)
