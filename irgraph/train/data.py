"""Data in batches: arrays that are shuffled and gathered, and iterables of batches."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from ..errors import FeedError, explain
from ..origin import here
from ..types import numpy_kind
from .requirements import require_fit
from .structure import Array, Structure, dtype_of_weights

Batch = tuple[dict[str, Array], int, float]
"""What a step is fed, how many examples that is, and the weight of its mean among those of other batches."""

WEIGHTS = "weights"


class Source(Protocol):
    """Where batches come from."""

    steps: int | None
    """Steps of an epoch, where that is known before."""

    first: int
    """The epoch in which training starts; for one that is resumed, in which it started."""

    @property
    def replays(self) -> bool:
        """Whether an epoch can be run again."""

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch but for the first `skip`: a function of both, and of nothing else."""

    def described(self) -> dict[str, Any]:
        """What must be equal for a position within an epoch to mean the same."""


def shuffled(count: int, seed: int, epoch: int) -> Array:
    """The order of `count` examples in an epoch: a function of the seed and the epoch's number.

    >>> shuffled(5, seed=0, epoch=1).tolist() == shuffled(5, seed=0, epoch=1).tolist()
    True
    """
    key = np.array([seed % 2**64, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(count)


@dataclass
class ArrayBatches:
    """Batches of arrays. What is yielded is memory that the next batch is gathered into."""

    arrays: dict[str, Array]  # contiguous, of one length
    batch_size: int
    shuffle: bool
    drop_last: bool
    seed: int
    rows: Array | None = None  # which examples of those that were passed these are; None: all
    replays: ClassVar[bool] = True
    first: int = 0

    def __post_init__(self) -> None:
        self._batch: Array | range = range(0)
        self.count = len(next(iter(self.arrays.values())))
        self.given_size = self.batch_size
        if not self.drop_last:
            self.batch_size = min(self.batch_size, self.count)
        whole, rest = divmod(self.count, self.batch_size)
        self.steps: int | None = whole + (rest > 0 and not self.drop_last)
        if not self.steps:
            found = f"{self.count} examples in batches of {self.batch_size} with drop_last=True"
            raise FeedError(explain(found, "at least one whole batch", here()))

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches, gathered into buffers where they are shuffled, else views of the arrays."""
        end = self.count - self.count % self.batch_size if self.drop_last else self.count
        starts = range(skip * self.batch_size, end, self.batch_size)
        if not self.shuffle or self.batch_size >= self.count:
            for start in starts:
                stop = min(start + self.batch_size, end)
                self._batch = range(start, stop)
                feeds = {name: array[start:stop] for name, array in self.arrays.items()}
                yield feeds, stop - start, weight_of(feeds, stop - start)
            return
        order = shuffled(self.count, self.seed, number)
        size, weighted = self.batch_size, WEIGHTS in self.arrays
        feeds = {name: np.empty((size, *a.shape[1:]), a.dtype) for name, a in self.arrays.items()}
        gathers = [(array, feeds[name]) for name, array in self.arrays.items()]
        for start in starts:
            self._batch = rows = order[start : start + size]
            if len(rows) < size:
                size = len(rows)
                feeds = {name: buffer[:size] for name, buffer in feeds.items()}
                gathers = [(array, feeds[name]) for name, array in self.arrays.items()]
            for array, buffer in gathers:
                array.take(rows, 0, buffer, "clip")  # "raise" would gather into a buffer of NumPy's own first
            yield feeds, size, weight_of(feeds, size) if weighted else size

    def example(self, position: int) -> int:
        """Which of the examples that were passed stands at a position of the last batch."""
        row = int(self._batch[position])
        return row if self.rows is None else int(self.rows[row])

    def described(self) -> dict[str, Any]:
        return {
            "examples": self.count,
            "batch_size": self.given_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "seed": self.seed,
        }


class IterableBatches:
    """Batches of an iterable: pairs (x, y), or (x, y, weights).

    One that can be iterated again starts anew each epoch; a generator goes on where it was, and needs `steps`
    for more than one epoch; a function of the epoch's number gives the batches of that epoch.
    """

    def __init__(
        self, batches: Any, x: Structure, y: Structure | None, weighted: bool, steps: int | None
    ) -> None:
        self.steps, self.first = steps, 0
        self._x, self._y, self.weighted = x, y, weighted
        self._batches = batches
        self._running = batches if isinstance(batches, Iterator) else None
        self._taken = 0  # batches of a generator, with those skipped

    @property
    def replays(self) -> bool:
        """Not where it is a generator."""
        return self._running is None

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch. Raises FeedError where there are fewer than `steps`."""
        if skip == self.steps:
            return
        found = 0
        for found, batch in enumerate(self._started(number, skip), start=skip + 1):
            yield self._fed(batch, number, found - 1)
            if found == self.steps:
                return
        if (found or skip) and self.steps is None:
            return
        found = max(found, skip)
        wanted = "at least one" if self.steps is None else f"{self.steps}, the steps of an epoch"
        do = "State and history are those after the last whole step. Give more, or set steps_per_epoch."
        what = f"an iterable that ended after {found} batches of epoch {number + 1 - self.first}"
        raise FeedError(explain(what, wanted, here(), do))

    def _started(self, number: int, skip: int) -> Iterator[Any]:
        if self._running is not None:
            behind = (
                (self.steps or 0) * (number - self.first) + skip - self._taken
            )  # what a resumed run has seen before
            self._drop(self._running, behind)
            return self._counted(self._running)
        batches = self._batches(number) if callable(self._batches) else self._batches
        started: Iterator[Any] = iter(batches)
        for _ in range(skip):
            next(started, None)
        return started

    def _drop(self, running: Iterator[Any], count: int) -> None:
        for _ in range(count):
            next(running, None)
            self._taken += 1

    def _counted(self, running: Iterator[Any]) -> Iterator[Any]:
        for batch in running:
            self._taken += 1
            yield batch

    def _fed(self, batch: Any, epoch: int, step: int) -> Batch:
        where = f"batch {step + 1} of epoch {epoch + 1 - self.first}"
        x, y, weights = parts_of(batch, where)
        feeds = dict(self._x.arrays(x, where))
        if self._y is not None:
            if y is None:
                raise FeedError(explain(f"{where} without y", "a pair (x, y), as the first", here()))
            feeds |= self._y.arrays(y, where)
        if self.weighted and weights is not None:
            feeds[WEIGHTS] = np.asarray(weights, dtype_of_weights(self._x, self._y))
        count = common_length(feeds, where)
        if self.weighted and weights is None:
            feeds[WEIGHTS] = np.ones(count, dtype_of_weights(self._x, self._y))
        return feeds, count, weight_of(feeds, count)

    def described(self) -> dict[str, Any]:
        return {"steps_per_epoch": self.steps}


def weight_of(feeds: Mapping[str, Array], count: int) -> float:
    """The sum of the examples' weights, each 1 where none are given."""
    weights = feeds.get(WEIGHTS)
    return count if weights is None else float(weights.sum(dtype="float64"))


def parts_of(batch: Any, where: str) -> tuple[Any, Any, Any]:
    """x, y and weights of a batch; None for what it lacks. Raises FeedError for anything else."""
    if not isinstance(batch, (tuple, list)) or not 2 <= len(batch) <= 3:
        length = f" of length {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        needed = "a pair (x, y), or (x, y, weights)"
        raise FeedError(explain(f"a {type(batch).__name__}{length} as {where}", needed, here()))
    return batch[0], batch[1], batch[2] if len(batch) == 3 else None


def first_batch(batches: Any) -> tuple[Any, Any]:
    """The first batch of an iterable, and the iterable with that batch still in it."""
    if callable(batches):
        batches = _of_epochs(batches)
        found = next(iter(batches(0)), None)
    elif isinstance(batches, Iterator):
        found = next(batches, None)
        batches = _chained(found, batches)
    else:
        found = next(iter(batches), None)
    if found is None:
        raise FeedError(explain("an iterable without batches", "at least one", here()))
    return found, batches


def _of_epochs(function: Callable[..., Iterable[Any]]) -> Callable[[int], Iterable[Any]]:
    """The function of the epoch's number; one without arguments gives the same for each."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        require_fit(function, "the data", [0], {}, "It takes the number of the epoch, from 0, or nothing.")
        return function
    except ValueError:  # of a function that does not tell its arguments
        return function
    return lambda epoch: function()


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def common_length(arrays: Mapping[str, Array], where: str, do: str = "") -> int:
    """The length that all arrays have. Raises FeedError where they differ, are empty, or have no axis."""
    lengths = {name: array.shape[0] if array.ndim else None for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} of {length}" for name, length in lengths.items())
        raise FeedError(explain(f"{where} of different lengths: {told}", "one example of each", here(), do))
    length = next(iter(lengths.values()))
    if length is None:
        raise FeedError(explain(f"{where} without axes", "examples along the first axis", here()))
    if length == 0:
        raise FeedError(explain(f"{where} without examples", "at least one", here()))
    return int(length)


def require_finite(arrays: Mapping[str, Array], where: str) -> None:
    """Raise FeedError for NaN or inf in what is fed, with its place. Reads the data once."""
    for name, array in arrays.items():
        if numpy_kind(array.dtype) not in "fc" or _sums_to_a_number(array):
            continue
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            at = bad[0].tolist()
            do = f"{len(bad)} are not finite. Clean the data, or pass check_data=False to the Trainer."
            raise FeedError(
                explain(f"{array[tuple(at)]} at {at} of {name} in {where}", "finite numbers", here(), do)
            )


def _sums_to_a_number(array: Array) -> bool:
    """True only where all numbers are finite; almost always then, and fast."""
    with np.errstate(all="ignore"):
        if array.dtype.name in ("float32", "float64") and array.flags.c_contiguous:
            flat = array.reshape(-1)
            return math.isfinite(np.dot(flat, flat))
        return bool(np.isfinite(array.sum(dtype="complex128" if array.dtype.kind == "c" else "float64")))


def is_iterable_of_batches(x: Any, y: Any) -> bool:
    """Whether `x` is not data but something that gives batches."""
    if y is not None or hasattr(x, "shape") or isinstance(x, (tuple, Mapping)):
        return False
    return isinstance(x, Iterable) or callable(x)


Batches = Iterable[Any] | Callable[[int], Iterable[Any]]
