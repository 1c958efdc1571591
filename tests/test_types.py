"""Element types, tensor types and the broadcasting rule, with NumPy as the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irgraph.dims import Dim, Guard, Shape, collecting_guards
from irgraph.errors import DTypeError, ShapeError
from irgraph.types import (
    DTYPES,
    DType,
    TensorType,
    as_dtype,
    broadcast_shapes,
    float32,
    format_shape,
    int64,
    normalize_axes,
    normalize_axis,
    numpy_kind,
)

n, m = Dim.of("n"), Dim.of("m")
shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_dtypes_are_numpys(dtype: DType) -> None:
    kinds = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex"}
    assert dtype.numpy.itemsize == dtype.itemsize
    assert kinds[numpy_kind(dtype.numpy)] == dtype.kind
    assert (
        as_dtype(dtype)
        == as_dtype(dtype.name)
        == as_dtype(dtype.numpy)
        == as_dtype(dtype.numpy.type)
        == dtype
    )
    assert dtype.is_float is (np.issubdtype(dtype.numpy, np.floating) or dtype.name == "bfloat16")
    assert dtype.is_integer is np.issubdtype(dtype.numpy, np.integer)


def test_python_types() -> None:
    assert list(map(str, map(as_dtype, (float, int, bool)))) == ["float32", "int64", "bool"]
    assert as_dtype(">f4") is float32


@pytest.mark.parametrize(
    "dtype", [None, "floaty", "complex256", object, str, "f4,i4", [1], np.dtype("M8[s]")]
)
def test_unknown_dtypes(dtype: object) -> None:
    with pytest.raises(DTypeError, match="needed one of bool, int8"):
        as_dtype(dtype)


def test_tensor_types() -> None:
    type = TensorType(float32, (n, 64))
    assert str(type) == "float32[n, 64]"
    assert str(TensorType(float32, ())) == "float32[]"
    assert (type.rank, type.size, type.nbytes) == (2, 64 * n, 256 * n)
    assert type.bind({"n": 3}) == TensorType(float32, (3, 64))
    assert type.with_dtype(int64).with_shape([2]) == TensorType(int64, (2,))
    assert len({type, TensorType(float32, (Dim.of("n"), 64)), type.with_shape((64, n))}) == 2


@given(st.lists(shapes, min_size=1, max_size=3))
def test_broadcasting_integers_is_numpys(several: list[tuple[int, ...]]) -> None:
    try:
        expected = np.broadcast_shapes(*several)
    except ValueError:
        with pytest.raises(ShapeError, match="found shapes"):
            broadcast_shapes(*several)
    else:
        assert broadcast_shapes(*several) == expected


@given(st.lists(shapes, min_size=1, max_size=3), st.integers(2, 3))
def test_a_named_dim_broadcasts_as_the_number_that_it_stands_for(
    several: list[tuple[int, ...]], number: int
) -> None:
    """Where all guards hold, the shape is NumPy's; a dim in the place of a number adds only guards."""
    named: list[Shape] = [tuple(n if size == number else size for size in shape) for shape in several]
    with collecting_guards() as guards:
        try:
            found = TensorType(float32, broadcast_shapes(*named)).bind({"n": number}).shape
        except ShapeError:
            with pytest.raises(ValueError, match="shape"):
                np.broadcast_shapes(*several)
            return
    if all(guard.holds({"n": number}) for guard in guards):
        assert found == np.broadcast_shapes(*several)


@pytest.mark.parametrize(
    ("several", "expected", "guards"),
    [
        ([(n, 3), (3,)], (n, 3), []),
        ([(n, 1), (1, m)], (n, m), []),
        ([(n,), (5,)], (5,), [Guard("==", n, 5)]),
        ([(1,), (n,), (1, 1)], (1, n), []),
        ([(), (n,)], (n,), []),
    ],
)
def test_broadcasting_names(several: list[Shape], expected: Shape, guards: list[Guard]) -> None:
    with collecting_guards() as collected:
        assert broadcast_shapes(*several) == expected
    assert collected == guards


@pytest.mark.parametrize("several", [[(n,), (m,)], [(n + 1,), (n,)], [(2 * n,), (3,)], [(3, n), (2, n)]])
def test_names_that_do_not_broadcast(several: list[Shape]) -> None:
    with pytest.raises(ShapeError, match=r"found shapes .* and .*, where .* meets .* on axis -\d"):
        broadcast_shapes(*several)


def test_format_shape() -> None:
    assert [format_shape(shape) for shape in ((), (n,), (2, n + 1))] == ["()", "(n,)", "(2, n + 1)"]


@given(st.integers(-6, 6), st.integers(0, 4))
def test_an_axis_is_what_numpy_takes(axis: int, rank: int) -> None:
    if -rank <= axis < rank:
        assert normalize_axis(axis, rank) == range(rank)[axis]
        assert normalize_axes(axis, rank) == (range(rank)[axis],)
    else:
        with pytest.raises(ShapeError, match="found axis"):
            normalize_axis(axis, rank)


def test_axes() -> None:
    assert normalize_axes(None, 3) == (0, 1, 2)
    assert normalize_axes((-1, 0), 3) == (0, 2)
    assert normalize_axes((), 3) == ()
    assert normalize_axes(np.arange(2), 3) == (0, 1)


@pytest.mark.parametrize("axis", [(0, 0), (0, -2), (2,), (0.0,), ("a",)])
def test_bad_axes(axis: Any) -> None:
    with pytest.raises(ShapeError, match="found ax"):
        normalize_axes(axis, 2)
