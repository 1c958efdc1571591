"""What data look like: one array, several in a tuple, or several in a dict; and their names as inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import DTypeError, FeedError, explain
from ..ops.sources import input
from ..origin import here
from ..state import misfit
from ..types import DTYPES, TensorType, as_dtype, numpy_kind
from ..value import Value

Array = np.ndarray[Any, Any]
BATCH = "batch"
RESERVED = ("y", "weights", "out")


@dataclass(frozen=True)
class Structure:
    """The form of `x` or `y`, the names of the inputs, and their dtypes and shapes without the batch."""

    form: Literal["array", "tuple", "dict"]
    keys: tuple[str, ...]
    names: tuple[str, ...]
    types: tuple[tuple[str, tuple[int, ...]], ...]

    @staticmethod
    def of(data: Any, root: str, dtype: str | None) -> Structure:
        """The structure of data or of one batch. Floats become `dtype`, where that is given, and integers
        of `y` int64, which labels are compared in.
        """
        form: Literal["array", "tuple", "dict"] = "array"
        keys: tuple[str, ...] = ("",)
        if isinstance(data, Mapping):
            form, keys = "dict", tuple(map(str, data))
            names = tuple(f"{root}.{key}" if root != "x" or key in RESERVED else key for key in keys)
        elif isinstance(data, tuple):
            form, keys = "tuple", tuple(map(str, range(len(data))))
            names = tuple(f"{root}.{key}" for key in keys)
        else:
            names = (root,)
        if not keys:
            raise FeedError(
                explain(f"an empty {type(data).__name__} as {root}", "at least one array", here())
            )
        types = []
        for name, leaf in zip(names, _leaves(form, data), strict=True):
            array = as_array(leaf, name)
            if array.ndim == 0:
                raise FeedError(explain(f"a number as {name}", "examples along the first axis", here()))
            types.append((_kind(array, root, dtype), array.shape[1:]))
        return Structure(form, keys, names, tuple(types))

    def arrays(self, data: Any, where: str) -> dict[str, Array]:
        """The arrays of data of this structure by input name. Raises FeedError for another structure."""
        fits = {
            "array": not isinstance(data, (Mapping, tuple)),
            "tuple": isinstance(data, tuple) and len(data) == len(self.keys),
            "dict": isinstance(data, Mapping) and tuple(map(str, data)) == self.keys,
        }[self.form]
        if not fits and self.form == "dict" and isinstance(data, Mapping) and set(data) == set(self.keys):
            data, fits = {key: data[key] for key in self.keys}, True
        if not fits:
            found = f"a {_told(data)} in {where}"
            raise FeedError(explain(found, f"{self}, as in the first data", here()))
        leaves = zip(self.names, self.types, _leaves(self.form, data), strict=True)
        return {
            name: _fitted(as_array(leaf, name), *type, f"{name} in {where}") for name, type, leaf in leaves
        }

    def inputs(self) -> dict[str, Value]:
        """Inputs for the data, each with a batch in front."""
        typed = zip(self.names, self.types, strict=True)
        return {name: input(name, (BATCH, *shape), kind) for name, (kind, shape) in typed}

    def assembled(self, values: Sequence[Value]) -> Any:
        """Values in the form of the data."""
        if self.form == "array":
            return values[0]
        return tuple(values) if self.form == "tuple" else dict(zip(self.keys, values, strict=True))

    def described(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"form": self.form, "keys": self.keys, "names": self.names, "types": self.types}

    @staticmethod
    def from_description(found: Mapping[str, Any]) -> Structure:
        """The structure that `described` gave."""
        types = tuple((str(kind), tuple(shape)) for kind, shape in found["types"])
        return Structure(found["form"], tuple(found["keys"]), tuple(found["names"]), types)

    def __str__(self) -> str:
        if self.form == "array":
            return "one array"
        return f"a {self.form} of {len(self.keys)} arrays" + (
            f" ({', '.join(self.keys)})" if self.form == "dict" else ""
        )


def dtype_of_weights(x: Structure, y: Structure | None) -> str:
    """The dtype that the examples' weights are fed in: float64 where data are, else float32."""
    kinds = {kind for structure in (x, y) if structure for kind, _ in structure.types}
    return "float64" if kinds & {"float64", "complex128"} else "float32"


def as_array(data: Any, name: str) -> Array:
    """Data as a NumPy array of numbers. Raises DTypeError for anything else."""
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        do = "Fill them in, or leave these examples out."
        raise DTypeError(explain(f"{name} with {data.mask.sum()} masked elements", "numbers", here(), do))
    if hasattr(data, "toarray"):
        do = "Write .toarray(), or pass batches of it as arrays."
        raise DTypeError(explain(f"{name}, which is sparse", "an array", here(), do))
    try:
        array = np.asarray(data)
    except (ValueError, TypeError) as error:
        raise DTypeError(
            explain(f"{name}, which is no array ({error})", "an array of numbers", here())
        ) from error
    if array.dtype.name not in DTYPES:
        do = "Encode it as numbers; labels as integers from 0."
        raise DTypeError(explain(f"{name} of dtype {array.dtype}", "numbers", here(), do))
    return array


def _kind(array: Array, root: str, dtype: str | None) -> str:
    """The dtype of the input for an array."""
    kind = numpy_kind(array.dtype)
    if kind == "f" and dtype is not None:
        return dtype
    return "int64" if root == "y" and kind in "iu" else as_dtype(array.dtype).name


def _fitted(array: Array, kind: str, shape: tuple[int, ...], what: str) -> Array:
    """The array in the input's dtype. Raises FeedError for another shape, DTypeError for another kind."""
    if array.shape[1:] != shape or not array.ndim:
        needed = f"({', '.join(map(str, (BATCH, *shape)))}), as in the first data"
        raise FeedError(explain(f"shape {array.shape} of {what}", needed, here()))
    wanted = as_dtype(kind)
    if array.dtype == wanted.numpy:
        return array
    wrong = misfit(array, TensorType(wanted, array.shape))
    if wrong:
        do = f'Convert it, e.g. with .astype("{kind}").'
        raise DTypeError(explain(f"{wrong[0]} of {what}", wrong[1], here(), do))
    return array.astype(wanted.numpy)


def _leaves(form: str, data: Any) -> list[Any]:
    if form == "array":
        return [data]
    return list(data.values()) if form == "dict" else list(data)


def _told(data: Any) -> str:
    if isinstance(data, Mapping):
        return f"dict of {', '.join(map(str, data))}"
    return f"tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
