"""Losses: what to minimize.

A loss is a function `(prediction, target, *, reduction="mean", weights=None)` of graph values; `find` gives
it by its name. It takes the reduction "mean", "sum" or "none", and `weights` with one number for each
example: then "mean" is the weighted mean, and 0 where all weights are 0. Shapes never broadcast.
"""

from .classification import (
    binary_cross_entropy,
    cross_entropy,
    kl_divergence,
    negative_log_likelihood,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from .finding import LOSSES, find
from .margins import hinge, multiclass_hinge
from .penalties import elastic_net, l1, l2
from .regression import absolute_error, cosine, gaussian_nll, huber, log_cosh, squared_error

__all__ = [
    "LOSSES",
    "absolute_error",
    "binary_cross_entropy",
    "cosine",
    "cross_entropy",
    "elastic_net",
    "find",
    "gaussian_nll",
    "hinge",
    "huber",
    "kl_divergence",
    "l1",
    "l2",
    "log_cosh",
    "multiclass_hinge",
    "negative_log_likelihood",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "squared_error",
]
