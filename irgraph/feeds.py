"""What may be fed to a compiled graph, and which sizes it gives to the named dims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dims import Dim
from .dims import bind as bind_size
from .errors import FeedError, explain
from .origin import here
from .state import misfit
from .types import TensorType, format_shape
from .value import Value

Array = Any  # of NumPy, or of the executor's device
Shapes = tuple[tuple[int, ...], ...]
AsFeed = Callable[[Any], Array | None]
"""What an executor makes of an array on its own device; None for what is to be taken by NumPy."""


@dataclass(frozen=True)
class Feed:
    """One input, and what may be fed to it."""

    name: str
    type: TensorType
    origin: object
    dtype: np.dtype[Any]
    as_feed: AsFeed

    def array(self, fed: Any) -> Array:
        """The fed value as an array of the right kind and rank, on the host or on the executor's device."""
        if type(fed) is np.ndarray and fed.dtype == self.dtype and fed.ndim == len(self.type.shape):
            return fed
        array = self.as_feed(fed)
        if array is not None:
            wrong = self._misfit_of_device(array)
        else:
            try:
                array = np.asarray(fed)
            except (ValueError, TypeError) as error:  # ragged lists, arrays of a device
                found = f"a {type(fed).__name__} that is no array for input {self.name!r} ({error})"
                raise FeedError(explain(found, str(self.type), self.origin)) from None
            wrong = misfit(array, self.type, lenient=not hasattr(fed, "dtype"))
        if wrong:
            do = "Feed numbers that fit, or give the input a wider dtype."
            if wrong[0].startswith("dtype"):
                do = f'Convert it, e.g. with .astype("{self.type.dtype}").'
            raise FeedError(explain(f"{wrong[0]} for input {self.name!r}", wrong[1], self.origin, do))
        if array.ndim != len(self.type.shape):
            raise self.wrong_shape(array.shape)
        return array

    def _misfit_of_device(self, array: Array) -> tuple[str, str] | None:
        """Like `misfit`, without a look at the elements, which are not here."""
        safe = np.can_cast(array.dtype, self.dtype, "safe") or array.dtype.kind == "f"
        if array.dtype.kind == self.dtype.kind and safe:
            return None
        return f"dtype {array.dtype} on the device", f"{self.type.dtype}, or a smaller one of its kind"

    def wrong_shape(self, found: tuple[int, ...], why: str = "") -> FeedError:
        """The error for a fed shape."""
        return FeedError(
            explain(
                f"shape {found} for input {self.name!r}{why}",
                f"shape {format_shape(self.type.shape)}",
                self.origin,
            )
        )


class Feeds:
    """The inputs of a compiled graph by name, and the named dims that it needs."""

    def __init__(
        self, inputs: Mapping[str, Value], names: frozenset[str], as_feed: AsFeed = lambda fed: None
    ) -> None:
        self._feeds = [Feed(n, v.type, v.node.origin, v.dtype.numpy, as_feed) for n, v in inputs.items()]
        self._dims = names
        self.names = tuple(inputs)

    def arrays(self, fed: Mapping[str, Any]) -> list[Array]:
        """What was fed, as arrays in the order of the inputs. Raises FeedError where it does not fit."""
        if fed.keys() != set(self.names):
            raise self._wrong_names(fed)
        return [feed.array(fed[feed.name]) for feed in self._feeds]

    def fit_by_dtype(self, arrays: Sequence[Array]) -> bool:
        """Whether all arrays of these dtypes fit: not where a number may be too large for its input."""
        return all(
            array.dtype == feed.dtype or np.can_cast(array.dtype, feed.dtype, "safe")
            for feed, array in zip(self._feeds, arrays, strict=True)
        )

    def sizes(self, shapes: Shapes) -> dict[str, int]:
        """The named dims that the fed shapes bind. Raises FeedError where they contradict the inputs."""
        sizes: dict[str, int] = {}
        source: dict[str, str] = {}
        for feed, shape in zip(self._feeds, shapes, strict=True):
            for wanted, size in zip(feed.type.shape, shape, strict=True):
                name = wanted.name if isinstance(wanted, Dim) else None
                if name is None:
                    continue
                if sizes.setdefault(name, size) != size:
                    raise feed.wrong_shape(
                        shape, f", so {name}={size}, but {source[name]!r} has {name}={sizes[name]}"
                    )
                source.setdefault(name, feed.name)
        self.complete(sizes)
        for feed, shape in zip(self._feeds, shapes, strict=True):
            if tuple(bind_size(size, sizes) for size in feed.type.shape) != shape:
                raise feed.wrong_shape(shape)
        return sizes

    def complete(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The sizes, if they bind every named dim of the graph. Raises FeedError where they don't."""
        wrong = [
            f"{n}={size!r}"
            for n, size in sizes.items()
            if not isinstance(size, (int, np.integer)) or size < 0
        ]
        if wrong:
            raise FeedError(explain(", ".join(wrong), "sizes of at least 0", here()))
        missing = sorted(self._dims - sizes.keys())
        if missing:
            raise FeedError(
                explain(
                    f"no size for the named dims {', '.join(missing)}",
                    "a size for each",
                    do="Pass them, e.g. memory(batch=32); in a call an input must have each as one of its "
                    "sizes: name it with compile(..., inputs=[x]) where the outputs do not read it.",
                )
            )
        return dict(sizes)

    def _wrong_names(self, feeds: Mapping[str, Any]) -> FeedError:
        known = {feed.name: feed for feed in self._feeds}
        missing = [f"{name}: {known[name].type}" for name in known if name not in feeds]
        unknown = [name for name in feeds if name not in known]
        found = " and ".join(
            part
            for part in (
                f"no feed for {', '.join(missing)}" if missing else "",
                f"a feed for {', '.join(map(repr, unknown))}, which is no input of this graph"
                if unknown
                else "",
            )
            if part
        )
        expected = ", ".join(f"{name}: {feed.type}" for name, feed in known.items()) or "no feeds"
        first = next((known[name].origin for name in known if name not in feeds), None)
        do = "Feed each input by its name."
        if unknown and not missing:
            do = "Leave it out: the outputs do not read it. Or name it in compile(..., inputs=[...])."
        return FeedError(explain(found, expected, first, do))

    def __str__(self) -> str:
        return ", ".join(f"{feed.name}: {feed.type}" for feed in self._feeds)
