"""What the rooms share: turning what a user wrote into values of one dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, explain
from ..origin import here
from ..types import DType, bool_, complex64, complex128, float32, float64, int64
from ..value import Value
from .constants import constant, full


def is_scalar(x: object) -> bool:
    """Whether it is a Python or NumPy number, which takes the dtype of what it meets."""
    return isinstance(x, (bool, int, float, complex, np.generic)) or (
        isinstance(x, np.ndarray) and x.shape == ()
    )


def as_value(x: Any, dtype: DType | None = None) -> Value:
    """The value that was written: itself, or a constant from a number, list or array."""
    if isinstance(x, Value):
        return x
    if is_scalar(x):
        number = x.item() if isinstance(x, (np.generic, np.ndarray)) else x
        return full((), number, dtype or scalar_dtype(number))
    return constant(x)


def scalar_dtype(number: object) -> DType:
    """The dtype of a Python number that meets no tensor."""
    if isinstance(number, bool):
        return bool_
    if isinstance(number, complex):
        return complex64
    return int64 if isinstance(number, int) else float32


def operands(what: str, *written: Any, at_least_float: bool = False) -> list[Value]:
    """Values of one dtype from what was written. Scalars take the dtype of the tensors.

    A float scalar turns integer tensors into float32, and so does `at_least_float`; a complex scalar turns
    tensors into complex64, and float64 into complex128.
    Raises DTypeError where two tensors differ.
    """
    if all(type(x) is Value and x.dtype is written[0].dtype for x in written) and (
        written[0].dtype.is_inexact or not at_least_float
    ):
        return list(written)  # the common case
    tensors = [None if is_scalar(x) else as_value(x) for x in written]
    dtypes = {value.dtype for value in tensors if value is not None}
    if len(dtypes) > 1:
        raise DTypeError(differing(what, [value for value in tensors if value is not None]))
    scalars = [x for x in written if is_scalar(x)]
    dtype = dtypes.pop() if dtypes else None
    if dtype not in (None, bool_) and any(isinstance(x, (bool, np.bool_)) for x in scalars):
        found = f"{what} of {dtype} and a Python bool"
        raise DTypeError(
            explain(found, "numbers", here(), "To compare elements write irgraph.equal(a, b), not a == b.")
        )
    wants_float = at_least_float or any(isinstance(x, (float, np.floating)) for x in scalars)
    if dtype is None:
        dtype = float32 if wants_float or not scalars else scalar_dtype(scalars[0])
    if any(isinstance(x, (complex, np.complexfloating)) for x in scalars) and not dtype.is_complex:
        dtype = complex128 if dtype == float64 else complex64
    elif wants_float and not dtype.is_inexact:
        dtype = float32
    elif dtype == bool_ and scalars and not all(isinstance(x, (bool, np.bool_)) for x in scalars):
        dtype = int64
    return [
        as_value(x, dtype) if value is None else value.astype(dtype)
        for x, value in zip(written, tensors, strict=True)
    ]


def as_float(x: Any) -> Value:
    """The value that was written, integers and bools as float32."""
    value = as_value(x)
    return value if value.dtype.is_inexact else value.astype(float32)


def differing(what: str, values: list[Value]) -> str:
    """The message for tensors of different dtypes."""
    found = " and ".join(f"{v.label} of {v.dtype} (built at {v.node.origin})" for v in values)
    chosen = [
        v for v in values if v.dtype.is_inexact and v.node.op.source == "state"
    ]  # weights stay as they are
    chosen += [v for v in values if v.dtype.is_inexact]
    to = (chosen or values)[0].dtype
    other = next(v for v in values if v.dtype != to)
    return f"{what}: " + explain(
        found, "one dtype", here(), f'Cast {other.label}, e.g. with irgraph.cast(value, "{to}").'
    )
