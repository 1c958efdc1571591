"""Metrics: how good predictions are, over data that comes in batches.

A `Metric` says which sums of a batch it needs (`parts`) and what follows from those of all batches
(`finish`). Called on graph values it is the value of one batch. `find` gives it by its name.
"""

from .averages import average, mean_absolute_error, mean_squared_error, perplexity, r2
from .classes import accuracy, confusion_matrix, f1, precision, recall, top_k_accuracy
from .finding import METRICS, find
from .metric import Metric

__all__ = [
    "METRICS",
    "Metric",
    "accuracy",
    "average",
    "confusion_matrix",
    "f1",
    "find",
    "mean_absolute_error",
    "mean_squared_error",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "top_k_accuracy",
]
