"""Metrics by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..losses.naming import found_by_name
from .averages import mean_absolute_error, mean_squared_error, perplexity, r2
from .classes import accuracy, confusion_matrix, f1, precision, recall, top_k_accuracy
from .metric import Metric

METRICS: Mapping[str, Metric] = {
    "accuracy": accuracy,
    "binary_accuracy": accuracy.of(threshold=0.5),
    "confusion_matrix": confusion_matrix,
    "f1": f1,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "perplexity": perplexity,
    "precision": precision,
    "r2": r2,
    "recall": recall,
    "top_k_accuracy": top_k_accuracy,
}

ELSEWHERE = {
    "acc": "accuracy",
    "categorical_accuracy": "accuracy",
    "f1_score": "f1",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "r2_score": "r2",
    "sparse_categorical_accuracy": "accuracy",
    "top_k_categorical_accuracy": "top_k_accuracy",
}
"""What other libraries call them: for the hint of an error, not as second names."""

_TOP = re.compile(r"top_([1-9][0-9]*)_accuracy")


def find(name: str) -> Metric:
    """The metric of a name; "top_3_accuracy" and its like are `top_k_accuracy.of(k=3)`.

    Raises GraphError, with the names that are near, for one that is unknown.

    >>> find("accuracy").name, find("top_3_accuracy").name
    ('accuracy', 'top_3_accuracy')
    """
    top = _TOP.fullmatch(name) if isinstance(name, str) else None
    return top_k_accuracy.of(k=int(top[1])) if top else found_by_name("metric", name, METRICS, ELSEWHERE)
