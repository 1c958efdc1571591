"""What tests of ops and executors are made of: the table of op cases, the checks of derivatives, and the
conformance suite for executors."""

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
from .dtypes import dtypes_of
from .report import Check, Conformance, Outcome
from .suite import conformance, conformance_checks

__all__ = [
    "BAD_CASES",
    "CASES",
    "SIZES",
    "Arg",
    "BadCase",
    "Case",
    "Check",
    "Conformance",
    "Outcome",
    "assert_close",
    "case",
    "check_derivatives",
    "check_jvp",
    "check_second_order",
    "check_value",
    "check_vjp",
    "conformance",
    "conformance_checks",
    "dtypes_of",
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
