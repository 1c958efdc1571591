"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..value import Value
from .classification import (
    binary_cross_entropy,
    cross_entropy,
    kl_divergence,
    negative_log_likelihood,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from .margins import hinge, multiclass_hinge
from .naming import found_by_name
from .regression import absolute_error, cosine, gaussian_nll, huber, log_cosh, squared_error

LOSSES: Mapping[str, Callable[..., Value]] = {
    each.__name__: each
    for each in (
        absolute_error,
        binary_cross_entropy,
        cosine,
        cross_entropy,
        gaussian_nll,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        multiclass_hinge,
        negative_log_likelihood,
        sigmoid_cross_entropy,
        softmax_cross_entropy,
        squared_error,
    )
}
"""All losses that take (prediction, target)."""

ELSEWHERE = {
    "bce": "binary_cross_entropy",
    "bce_with_logits": "sigmoid_cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "categorical_hinge": "multiclass_hinge",
    "cosine_similarity": "cosine",
    "crossentropy": "softmax_cross_entropy",
    "kl": "kl_divergence",
    "kld": "kl_divergence",
    "l1_loss": "absolute_error",
    "mae": "absolute_error",
    "mean_absolute_error": "absolute_error",
    "mean_squared_error": "squared_error",
    "mse": "squared_error",
    "nll": "negative_log_likelihood",
    "nll_loss": "negative_log_likelihood",
    "smooth_l1": "huber",
    "sparse_categorical_crossentropy": "softmax_cross_entropy",
}
"""What other libraries call them: for the hint of an error, not as second names."""


def find(name: str) -> Callable[..., Value]:
    """The loss of a name. Raises GraphError, with the names that are near, for one that is unknown.

    >>> find("huber").__name__
    'huber'
    """
    return found_by_name("loss", name, LOSSES, ELSEWHERE)
