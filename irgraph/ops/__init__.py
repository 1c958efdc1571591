"""The ops, one room a family. Importing this package makes all of them known."""

from . import (
    arithmetic,
    cast,
    comparison,
    constants,
    cumulative,
    elementary,
    indexing,
    matmul,
    random,
    reduce,
    rounding,
    shape,
    slicing,
    softmax,
    sources,
    update,
)

__all__ = [
    "arithmetic",
    "cast",
    "comparison",
    "constants",
    "cumulative",
    "elementary",
    "indexing",
    "matmul",
    "random",
    "reduce",
    "rounding",
    "shape",
    "slicing",
    "softmax",
    "sources",
    "update",
]
