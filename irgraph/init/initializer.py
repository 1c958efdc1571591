"""What an initializer is, those that draw nothing, and the seed of a stream."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np

from ..attributes import ArrayData, attribute_class
from ..errors import DTypeError, GraphError, ShapeError, explain
from ..origin import here
from ..types import TensorType, format_shape, numpy_kind, overflows

Array = np.ndarray[Any, Any]


class Initializer(ABC):
    """How a state variable starts."""

    @abstractmethod
    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        """An array of the type's shape, or one number for all elements."""

    def agrees(self, other: Initializer) -> bool:
        """Whether a variable that started from the other may be read as one that starts from this."""
        return self == other


def initial_array(name: str, type: TensorType, init: Initializer, seed: int) -> Array:
    """The initial value of the variable `name` under a seed, in the type's dtype."""
    if not isinstance(seed, (int, np.integer)) or not -(2**63) <= seed < 2**63:
        raise GraphError(explain(f"the seed {seed!r}", "an integer of 64 bits", here()))
    key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "little")
    random = np.random.Generator(np.random.Philox(key=key))
    shape = cast("tuple[int, ...]", type.shape)
    array = np.empty(shape, type.dtype.numpy)
    array[...] = _held(init.values(type, random, seed), type)
    return array


def _held(values: Array | float, type: TensorType) -> Array:
    """The values in the type's dtype. Raises DTypeError where it can't hold them."""
    found = np.asarray(values)
    if numpy_kind(found.dtype) not in "biufc":
        raise DTypeError(
            explain(f"initial values of dtype {found.dtype}", f"numbers for {type.dtype}", here())
        )
    if found.dtype.kind == "c" and not type.dtype.is_complex:
        raise DTypeError(explain("complex initial values", f"real ones for {type.dtype}"))
    with np.errstate(all="ignore"):
        array = found.astype(type.dtype.numpy)
    lost = overflows(found, type.dtype).any() if type.dtype.is_inexact else not np.array_equal(array, found)
    if lost:
        raise DTypeError(
            explain(f"initial values of dtype {found.dtype}", f"ones that {type.dtype} can hold")
        )
    return array


@final
@attribute_class("constant")
@dataclass(frozen=True)
class Constant(Initializer):
    """The same number everywhere."""

    value: float

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        return self.value


@final
@attribute_class("values")
@dataclass(frozen=True)
class Values(Initializer):
    """Given values."""

    data: ArrayData

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        return self.data.array


@final
@attribute_class("seed")
@dataclass(frozen=True)
class Seed(Initializer):
    """The key of a random stream: drawn, so that it depends on the seed and on the stream's whole name."""

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        return int(random.integers(2**63))


def zeros() -> Initializer:
    """Zeros."""
    return Constant(0.0)


def constant(number: float) -> Initializer:
    """One number everywhere."""
    return Constant(number)


def seed() -> Initializer:
    """The key of a random stream, from what `compile(seed=…)` was given and the variable's name."""
    return Seed()


def as_initializer(init: Initializer | Array | float | None, type: TensorType) -> Initializer:
    """The initializer that a user wrote: itself, a number, an array of that shape, or None (zeros)."""
    if init is None:
        return zeros()
    if isinstance(init, Initializer):
        return init
    array = np.asarray(init)
    if numpy_kind(array.dtype) not in "bfiuc":
        raise DTypeError(
            explain(f"initial values of dtype {array.dtype}", f"numbers for {type.dtype}", here())
        )
    held = _held(array, type)
    if array.shape == ():
        return Constant(array.item())
    if array.shape != type.shape:
        raise ShapeError(
            explain(f"initial values of shape {array.shape}", f"shape {format_shape(type.shape)}", here())
        )
    return Values(ArrayData(held))
