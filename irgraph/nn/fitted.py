"""What layers are fitted to: tables computed from data before training, kept in the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..attributes import ArrayData, attribute_class
from ..errors import FeedError, GraphError, ShapeError, explain
from ..init import Initializer
from ..ops.comparison import less
from ..ops.indexing import CheckIndex, Take
from ..ops.shape import expand_dims
from ..origin import here
from ..state import State
from ..types import TensorType, format_shape, numpy_kind
from ..value import Value
from .layer import Layer

Array = np.ndarray[Any, Any]
Data = Any  # an array, or an iterator of arrays


@final
@attribute_class("fitted")
@dataclass(frozen=True, eq=False)
class Fitted(Initializer):
    """What a layer was fitted to last, when a state is made; zeros before.

    The layer that owns it changes it, and nobody else. Two are equal while they hold equal arrays.
    """

    data: ArrayData | None = None

    def fit(self, array: Array) -> None:
        """Start from this array from now on."""
        object.__setattr__(self, "data", ArrayData(array))

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        return 0.0 if self.data is None else self.data.array

    def agrees(self, other: Initializer) -> bool:
        """Also where one was not fitted: a model that is built anew reads what the state holds."""
        return self == other or (isinstance(other, Fitted) and None in (self.data, other.data))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Fitted) and self.data == other.data)

    def __hash__(self) -> int:
        return hash(Fitted)  # the content changes


class FittedLayer(Layer):
    """A layer with tables that are computed from data and not trained.

    They are state variables: in checkpoints, in ONNX, shared by all functions on a state. A state that is
    made later starts from what the layer was fitted to last. `count` says how many examples that were; a
    function whose state was never fitted raises FeedError when it runs.
    """

    _fits: dict[str, Fitted]

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self._fits = {"count": Fitted()}

    @property
    def fitted(self) -> bool:
        """Whether the layer was fitted to data."""
        return self._fits["count"].data is not None

    def table(self, name: str, shape: tuple[int, ...] | Any, trainable: bool = False) -> Value:
        """A table by name, in the dtype of the layer's input; reading it checks that the state was fitted."""
        fit = self._fits.setdefault(name, Fitted())
        if fit.data is not None and fit.data.array.shape != tuple(shape):
            found, needed = format_shape(tuple(shape)), format_shape(fit.data.array.shape)
            raise ShapeError(
                explain(
                    f"an input that needs {self.path_of(name)!r} of shape {found}",
                    f"one for {needed}, as of the data that the layer was fitted to",
                    here(),
                )
            )
        made = self.parameter(name, shape, fit, trainable=trainable)
        count = self.state("count", (), self._fits["count"], dtype="int64")
        message = (
            f"found the layer {self.path!r} ({type(self).__name__}) unfitted; needed its fit(data) before "
            f"the state is made, or fit(data, state=…) on the state that is used. Nothing was changed."
        )
        unfitted = CheckIndex(1, message)(less(count, 1).astype("int64"))
        return Take(0)(expand_dims(made, 0), unfitted)

    def keep(self, tables: Mapping[str, Array], count: int, state: State | None) -> None:
        """Take over tables: in `state`, all or none, and where states are made from now on.

        Raises ShapeError where the layer was built for others, GraphError where the state has no such layer.
        """
        found = {**tables, "count": np.asarray(count, np.int64)}
        for name, array in found.items():
            made = self._own.get(name)
            if made is not None and made.shape != array.shape:
                told = format_shape(array.shape), format_shape(made.shape)
                raise ShapeError(
                    explain(
                        f"data that needs {self.path_of(name)!r} of shape {told[0]}",
                        f"data for {told[1]}, of which the layer was built",
                        here(),
                    )
                )
        if state is not None:
            missing = [self.path_of(name) for name in found if self.path_of(name) not in state]
            if missing:
                do = "Compile a function of the layer first, or leave state= out: states made later have it."
                raise GraphError(
                    explain(f"a state without {missing[0]!r}", "one with this layer", here(), do)
                )
            state.update({self.path_of(name): array for name, array in found.items()})
        for name, array in found.items():
            self._fits.setdefault(name, Fitted()).fit(array)


class Inverse(Layer):
    """The way back of a fitted layer, on the same tables: `layer.inverse`, a layer as any other."""

    anonymous: ClassVar[bool] = True

    def __init__(self, of: FittedLayer, *, name: str | None = None) -> None:
        super().__init__(name)
        self._of = of

    @property
    def layers(self) -> list[Layer]:
        return [self._of]

    def forward(self, y: Value) -> Value:
        self._adopt(
            "of", self._of
        )  # now, where it has no owner: it may have become a part of the model itself
        return self._of(y, inverse=True)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"{self._of!r}.inverse"


def batches_of(data: Data) -> Iterator[Array]:
    """The data as arrays of examples: itself, or what an iterator yields; checked one by one.

    Raises FeedError for what is empty, not numeric or not finite, and where batches differ in their examples.
    """
    first: Array | None = None
    seen = 0
    for each in data if isinstance(data, Iterator) else (data,):
        array = _checked(np.asarray(each), seen)
        if first is not None and array.shape[1:] != first.shape[1:]:
            found = f"a batch of shape {array.shape} after one of shape {first.shape}"
            raise FeedError(explain(found, "examples of one shape", here()))
        first = array
        seen += len(array)
        if len(array):
            yield array
    if not seen:
        raise FeedError(explain("no data to fit to", "at least one example", here()))


def all_of(data: Data) -> Array:
    """The data as one array of examples."""
    return np.concatenate(list(batches_of(data)))


def _checked(array: Array, before: int) -> Array:
    if numpy_kind(array.dtype) not in "biuf":
        raise FeedError(explain(f"data of dtype {array.dtype} to fit to", "real numbers", here()))
    if not array.ndim:
        raise FeedError(explain("a single number to fit to", "an axis of examples", here()))
    array = array.astype(np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        row, *column = (int(at) for at in np.argwhere(~finite)[0])
        number = array[(row, *column)]
        do = "Leave such examples out, or fill them in, before fitting."
        found = f"{number} in example {before + row} at {column}"
        raise FeedError(explain(found, "finite numbers to fit to", here(), do))
    return array


__all__ = ["Data", "Fitted", "FittedLayer", "Inverse", "all_of", "batches_of"]
