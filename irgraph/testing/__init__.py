"""What tests of ops and executors are made of: the table of op cases and the checks of derivatives."""

from .case import SIZES, Arg, BadCase, Case, case, integers, normal, off_zero, positive, probabilities, real, spaced, truth, whole
from .cases import BAD_CASES, CASES

__all__ = [
    "BAD_CASES",
    "CASES",
    "SIZES",
    "Arg",
    "BadCase",
    "Case",
    "case",
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
