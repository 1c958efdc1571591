"""Arrays made ready for training."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import checked
from ..errors import FeedError, explain
from ..origin import here
from .data import common_length
from .sources import split_rows
from .structure import as_array

Array = np.ndarray[Any, Any]


@checked
def train_test_split(*arrays: Any, fraction: float = 0.2, seed: int = 0) -> list[Array]:
    """For each array the rows to train on, and the `fraction` that is held out: the same rows of all, drawn
    by a seed.

    Raises FeedError for arrays of different lengths, or where either part would be empty.

    >>> x, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> x_train, x_test, y_train, y_test = train_test_split(x, y)
    >>> x_train.shape, y_test.shape, bool((x_train[:, 0] == 2 * y_train).all())
    ((4, 2), (1,), True)
    """
    if not arrays:
        raise FeedError(explain("no arrays to split", "at least one", here()))
    given = {str(n): as_array(array, f"array {n}") for n, array in enumerate(arrays)}
    kept, held = split_rows(common_length(given, "arrays"), fraction, seed)
    return [array[rows] for array in given.values() for rows in (kept, held)]


@checked
def one_hot(labels: Any, classes: int | None = None, dtype: str = "float32") -> Array:
    """Labels (…) from 0 as rows (…, classes) with a 1 in each label's place; `classes` by default the largest
    label plus 1.

    Raises FeedError for labels outside the classes, and for what are no integers.

    >>> one_hot([2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    array = as_array(labels, "labels")
    if array.dtype.kind not in "iu" or not array.size:
        raise FeedError(explain(f"labels of dtype {array.dtype}, {array.size} of them", "integers", here()))
    count = int(array.max()) + 1 if classes is None else classes
    wrong = np.argwhere((array < 0) | (array >= count))
    if len(wrong):
        at = wrong[0].tolist()
        found = f"the label {array[tuple(at)]} at {at}"
        raise FeedError(explain(found, f"labels from 0 to {count - 1}", here()))
    return np.eye(count, dtype=dtype)[array]
