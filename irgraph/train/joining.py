"""The predictions of batches as that of all examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError, explain
from ..origin import here


def joined(parts: Sequence[Any], size: int, to_host: Callable[[Any], Any]) -> Any:
    """The results of batches, all but the last of `size` examples, one after the other, also within dicts
    and lists. Raises ShapeError for a result that has no batch in front."""
    first = parts[0]
    if isinstance(first, Mapping):
        return {key: joined([part[key] for part in parts], size, to_host) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(joined([part[n] for part in parts], size, to_host) for n in range(len(first)))
    parts = [part if isinstance(part, np.ndarray) else to_host(part) for part in parts]
    if len(parts) == 1:
        return parts[0]
    if first.ndim == 0 or len(first) != size:
        do = "Pass batch_size=None to predict for all examples at once."
        found = f"a prediction of shape {first.shape} for a batch of {size} examples"
        raise ShapeError(explain(found, "one for each example", here(), do))
    return np.concatenate(parts)
