"""The scalar functions that all others expand to: what an executor that prints code has to know."""

from __future__ import annotations

from ..op import Op
from . import arithmetic, cast, comparison, division, elementary, logic, powers, rounding, trigonometric
from . import complex as complexes

SCALAR_PRIMITIVES: tuple[type[Op], ...] = (
    arithmetic.Add,
    arithmetic.Subtract,
    arithmetic.Multiply,
    arithmetic.Divide,
    arithmetic.Negative,
    division.FloorDivide,
    division.Mod,
    powers.Power,
    rounding.Abs,
    rounding.Sign,
    rounding.Floor,
    rounding.Ceil,
    rounding.Round,
    elementary.Exp,
    elementary.Log,
    elementary.Sqrt,
    trigonometric.Sin,
    trigonometric.Cos,
    trigonometric.Tan,
    trigonometric.Arcsin,
    trigonometric.Arccos,
    trigonometric.Arctan,
    trigonometric.Sinh,
    trigonometric.Cosh,
    trigonometric.Tanh,
    trigonometric.Arcsinh,
    trigonometric.Arccosh,
    trigonometric.Arctanh,
    comparison.Maximum,
    comparison.Minimum,
    comparison.Equal,
    comparison.NotEqual,
    comparison.Less,
    comparison.LessEqual,
    comparison.Greater,
    comparison.GreaterEqual,
    comparison.LogicalNot,
    comparison.Where,
    logic.LogicalAnd,
    logic.LogicalOr,
    logic.LogicalXor,
    cast.Cast,
    cast.Copy,
)
"""The elementwise ops without an expansion, of real numbers."""

COMPLEX_PRIMITIVES: tuple[type[Op], ...] = (
    complexes.Real,
    complexes.Imag,
    complexes.Conj,
    complexes.Magnitude,
    complexes.Angle,
    complexes.Complex,
)
"""Those that make, part and measure complex numbers."""
