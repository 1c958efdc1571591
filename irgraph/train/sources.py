"""From what a user passes as data to batches, and to the graphs that they fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FeedError, explain
from ..origin import here
from .data import (
    WEIGHTS,
    ArrayBatches,
    IterableBatches,
    Source,
    common_length,
    first_batch,
    is_iterable_of_batches,
    parts_of,
    require_finite,
)
from .structure import Array, Structure, as_array, dtype_of_weights

if TYPE_CHECKING:
    from .trainer import Trainer


@dataclass(frozen=True)
class Given:
    """Data as they were passed, and how they are to be cut."""

    x: Any
    y: Any
    weights: Any
    batch_size: int | None
    shuffle: bool
    drop_last: bool
    steps: int | None


def sources(trainer: Trainer, given: Given, validation: Any, split: float) -> tuple[Source, Source | None]:
    """The batches to train on and those to validate on; the graphs are built where they were not."""
    if validation is not None and split:
        raise FeedError(explain("validation and validation_split", "one of them", here()))
    source = _source(trainer, given, "the data")
    if validation is not None:
        held_out = _held_out(trainer, given, validation)
        kind = dtype_of_weights(trainer.graphs.x, trainer.graphs.y)
        return _weighted(source, trainer.graphs.weighted, kind), held_out
    if not split:
        return source, None
    if not isinstance(source, ArrayBatches):
        do = "Pass validation=… instead."
        raise FeedError(explain("validation_split of an iterable", "arrays to split", here(), do))
    return split_off(source, split)


def _weighted(source: Source, wanted: bool, kind: str) -> Source:
    """The batches with weights of 1, where only the validation data brought weights."""
    if isinstance(source, IterableBatches):
        source.weighted = wanted
    elif isinstance(source, ArrayBatches) and wanted and WEIGHTS not in source.arrays:
        arrays = source.arrays | {WEIGHTS: np.ones(source.count, kind)}
        return replace(source, arrays=arrays, batch_size=source.given_size)
    return source


def _held_out(trainer: Trainer, given: Given, validation: Any) -> Source:
    """Validation data: (x, y), (x, y, weights), or an iterable of batches, again for each epoch."""
    if isinstance(validation, Iterator):
        do = "Pass a list, or a function that returns an iterator."
        raise FeedError(explain("an iterator as validation data", "data for every epoch", here(), do))
    x, y, weights = validation, None, None
    if isinstance(validation, tuple):
        x, y, weights = parts_of(validation, "validation")
    rest = replace(given, x=x, y=y, weights=weights, shuffle=False, drop_last=False, steps=None)
    return _source(trainer, rest, "the validation data")


def _source(trainer: Trainer, given: Given, where: str) -> Source:
    require_size(given.batch_size)
    if given.steps is not None and given.steps < 1:
        raise FeedError(explain(f"steps_per_epoch={given.steps}", "at least 1", here()))
    if is_iterable_of_batches(given.x, given.y):
        return _iterable(trainer, given)
    if given.steps is not None:
        do = "An epoch of arrays takes each example once. Leave it out, or pass an iterable of batches."
        raise FeedError(explain("steps_per_epoch with arrays", "batches of an iterable", here(), do))
    x = Structure.of(given.x, "x", trainer.dtype)
    y = None if given.y is None else Structure.of(given.y, "y", trainer.dtype)
    x, y = trainer.fitted(x, y, given.weights is not None)
    if y is None and trainer.graphs.y is not None:
        needed = "a target for each example, as in the first data"
        raise FeedError(explain(f"{where} without y", needed, here(), "Pass x and y."))
    arrays = x.arrays(given.x, where) | ({} if y is None else y.arrays(given.y, where))
    lists = isinstance(given.x, list) or isinstance(given.y, list)
    do = "Several inputs go in as a tuple or a dict of arrays, not as a list." if lists else ""
    count = common_length(arrays, where, do)
    if trainer.graphs.weighted:
        weights = np.ones(count) if given.weights is None else as_array(given.weights, WEIGHTS)
        if weights.shape != (count,):
            found = f"weights of shape {weights.shape} for {count} examples"
            raise FeedError(explain(found, "one for each", here()))
        if (weights < 0).any() or not weights.any():
            found = f"weights from {weights.min():g} to {weights.max():g} in {where}"
            raise FeedError(explain(found, "numbers of at least 0, and one above 0", here()))
        arrays[WEIGHTS] = weights.astype(dtype_of_weights(x, y))
    if trainer.check_data:
        require_finite(arrays, where)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    size = count if given.batch_size is None else given.batch_size
    return ArrayBatches(contiguous, size, given.shuffle, given.drop_last, trainer.seed)


def require_size(batch_size: int | None) -> None:
    """Raise FeedError for a batch size below 1."""
    if batch_size is not None and batch_size < 1:
        raise FeedError(explain(f"a batch size of {batch_size}", "at least 1, or None for all", here()))


def _iterable(trainer: Trainer, given: Given) -> Source:
    if given.weights is not None:
        do = "Give them with the batches: (x, y, weights)."
        raise FeedError(explain("weights beside an iterable", "none", here(), do))
    first, batches = first_batch(given.x)
    x, y, weights = parts_of(first, "the first batch")
    forms = (
        Structure.of(x, "x", trainer.dtype),
        None if y is None else Structure.of(y, "y", trainer.dtype),
    )
    fitted = trainer.fitted(*forms, weights is not None)
    return IterableBatches(batches, *fitted, trainer.graphs.weighted, given.steps)


def split_off(source: ArrayBatches, fraction: float) -> tuple[ArrayBatches, ArrayBatches]:
    """The batches without a fraction of the examples, drawn by the seed, and those of that fraction."""
    kept, held = split_rows(source.count, fraction, source.seed)

    def rows(chosen: Array) -> dict[str, Array]:
        return {name: array[chosen] for name, array in source.arrays.items()}

    size = source.given_size
    training = replace(source, arrays=rows(kept), batch_size=size, rows=kept)
    return training, replace(
        source, arrays=rows(held), batch_size=size, shuffle=False, drop_last=False, rows=held
    )


def split_rows(count: int, fraction: float, seed: int) -> tuple[Array, Array]:
    """The rows that stay and those that are held out. Raises FeedError where either would be empty."""
    held = round(count * fraction)
    if not 0 < held < count:
        found = f"a fraction of {fraction} of {count} examples to hold out, which is {held}"
        raise FeedError(explain(found, "at least one on either side", here()))
    order = np.random.Generator(np.random.Philox(key=np.array([seed % 2**64, 2**63], np.uint64))).permutation(
        count
    )
    return order[held:], order[:held]
