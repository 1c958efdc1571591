"""Optimizers as graph updates: ordinary nodes that the compiler plans and exports like any others."""

from .adam import Adam, AdamW, Nadam
from .adaptive import Adadelta, Adagrad, RMSProp
from .clipping import Clip, clip_by_global_norm, clip_by_norm, clip_by_value
from .optimizer import Optimizer, Rule
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

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clip",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "Rule",
    "Schedule",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "exponential",
    "one_cycle",
    "piecewise",
    "polynomial",
    "staircase",
    "warmup",
]
