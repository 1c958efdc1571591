"""Optimizers as graph updates: ordinary nodes that the compiler plans and exports like any others."""

from .adam import Adam, AdamW, Nadam
from .adaptive import Adadelta, Adagrad, RMSProp
from .clipping import Clip, clip_by_global_norm, clip_by_norm, clip_by_value
from .finding import FoundRate, RateCurve, Trial, find_learning_rate, learning_rate_curve
from .layerwise import layerwise
from .optimizer import Optimizer, Rule
from .plateau import ReduceLROnPlateau
from .schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    one_cycle,
    piecewise,
    polynomial,
    staircase,
    warmup,
)
from .sgd import SGD, Momentum, Nesterov
from .wrapping import accumulate, groups

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clip",
    "FoundRate",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "RateCurve",
    "ReduceLROnPlateau",
    "Rule",
    "Schedule",
    "Trial",
    "accumulate",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "exponential",
    "find_learning_rate",
    "groups",
    "layerwise",
    "learning_rate_curve",
    "one_cycle",
    "piecewise",
    "polynomial",
    "staircase",
    "warmup",
]
