"""The table of op cases: `CASES` for the laws, `BAD_CASES` for the messages.

An executor, an exporter or a pass is tested by running it over `CASES`.

>>> from irgraph.testing import CASES
>>> print(next(case for case in CASES if case.op == "matmul").build_graph(named=True).outputs[0].type)
float32[n, 5]
"""

from __future__ import annotations

from ..case import BadCase, Case
from . import (
    arithmetic,
    choice,
    complexes,
    contractions,
    convolution,
    diagonal_blocks,
    indexing,
    logic,
    loops,
    matrices,
    normalization,
    ordering,
    pooling,
    positions,
    rearranged,
    reductions,
    resizing,
    scalar,
    shapes,
    sources,
    statistics,
    taps,
)

_FAMILIES = (
    sources,
    arithmetic,
    scalar,
    logic,
    choice,
    reductions,
    shapes,
    indexing,
    positions,
    matrices,
    diagonal_blocks,
    ordering,
    convolution,
    pooling,
    contractions,
    taps,
    resizing,
    statistics,
    rearranged,
    normalization,
    complexes,
    loops,
)

CASES: tuple[Case, ...] = tuple(case for family in _FAMILIES for case in family.CASES)
BAD_CASES: tuple[BadCase, ...] = tuple(case for family in _FAMILIES for case in family.BAD_CASES)
