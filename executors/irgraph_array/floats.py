"""Composite functions of float elements that array modules have as one."""

from __future__ import annotations

from irgraph.op import Op
from irgraph.ops import angles, exponentials, floating, powers, rounding

from .table import UFUNCS, bind_ufunc, kernel

FLOATS: dict[type[Op], str] = {
    angles.Arctan2: "arctan2",
    angles.Hypot: "hypot",
    exponentials.Exp2: "exp2",
    exponentials.Log2: "log2",
    exponentials.Log10: "log10",
    exponentials.LogAddExp: "logaddexp",
    floating.CopySign: "copysign",
    floating.IsFinite: "isfinite",
    floating.IsInf: "isinf",
    floating.IsNan: "isnan",
    floating.SignBit: "signbit",
    powers.Cbrt: "cbrt",
    rounding.Trunc: "trunc",
}

UFUNCS.update(FLOATS)
kernel(*FLOATS, single_pass=True)(bind_ufunc)
