"""What tests of ops and executors are made of: the table of op cases and the checks of derivatives."""

from .case import (
    SIZES,
    Arg,
    BadCase,
    Case,
    case,
    integers,
    normal,
    off_zero,
    positive,
    probabilities,
    real,
    spaced,
    truth,
    whole,
)
from .cases import BAD_CASES, CASES
from .derivatives import (
    assert_close,
    check_derivatives,
    check_jvp,
    check_second_order,
    check_value,
    check_vjp,
)

__all__ = [
    "BAD_CASES",
    "CASES",
    "SIZES",
    "Arg",
    "BadCase",
    "Case",
    "assert_close",
    "case",
    "check_derivatives",
    "check_jvp",
    "check_second_order",
    "check_value",
    "check_vjp",
    "integers",
    "normal",
    "off_zero",
    "positive",
    "probabilities",
    "real",
    "spaced",
    "truth",
    "whole",
]
