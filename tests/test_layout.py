"""Layouts against NumPy's own strides: the same elements, and a view exactly where NumPy has one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irgraph.layout import Layout

Array = np.ndarray[Any, Any]

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def read(layout: Layout, buffer: Array) -> Array:
    """The elements that a layout means, as a view of the buffer."""
    strides = [stride * buffer.itemsize for stride in layout.strides]
    return np.lib.stride_tricks.as_strided(buffer[layout.offset :], layout.shape, strides)


@st.composite
def views(draw: st.DrawFn) -> tuple[Layout, Array, Array]:
    """A layout with the buffer and NumPy's view of it: transposed, sliced with steps, broadcast."""
    shape = draw(shapes)
    base = np.arange(math.prod(shape))
    layout, view = Layout.dense(shape), base.reshape(shape)
    for _ in range(draw(st.integers(0, 3))):
        match draw(st.sampled_from(["permute", "slice", "broadcast"])):
            case "permute":
                axes = tuple(draw(st.permutations(range(view.ndim))))
                layout, view = layout.permute(axes), view.transpose(axes)
            case "slice":
                layout, view = draw(sliced(layout, view))
            case "broadcast" if view.ndim < 5:
                wide = tuple(3 if size == 1 and draw(st.booleans()) else size for size in view.shape)
                wide = (*draw(st.sampled_from([(), (2,), (1,)])), *wide)
                layout, view = layout.broadcast(wide), np.broadcast_to(view, wide)
    return layout, base, view


@st.composite
def sliced(draw: st.DrawFn, layout: Layout, view: Array) -> tuple[Layout, Array]:
    starts, steps, counts, index = [], [], [], []
    for size in view.shape:
        start = draw(st.integers(0, max(size - 1, 0)))
        step = draw(st.sampled_from([1, 2, -1, -2]))
        room = 0 if size == 0 else (size - 1 - start) // step + 1 if step > 0 else start // -step + 1
        count = draw(st.integers(min(room, 1), room))
        positions = range(start, start + count * step, step)
        index.append(
            slice(start, None if positions.stop < 0 else positions.stop, step) if count else slice(0, 0)
        )
        starts.append(start if count else 0)
        steps.append(step)
        counts.append(count)
    return layout.slice(tuple(starts), tuple(steps), tuple(counts)), view[(*index, ...)]


def same(layout: Layout, base: Array, view: Array) -> None:
    assert layout.shape == view.shape
    if view.size:
        np.testing.assert_array_equal(read(layout, base), view)


@given(shapes)
def test_dense_is_row_major(shape: tuple[int, ...]) -> None:
    layout = Layout.dense(shape)
    assert layout.is_dense
    base = np.arange(math.prod(shape))
    same(layout, base, base.reshape(shape))


@given(views())
def test_a_chain_of_views_reads_what_numpy_reads(case: tuple[Layout, Array, Array]) -> None:
    same(*case)


@given(views())
def test_is_dense_is_numpys_contiguity(case: tuple[Layout, Array, Array]) -> None:
    layout, _, view = case
    if view.size:
        assert layout.is_dense is view.flags.c_contiguous


@given(views(), st.data())
def test_reshape_is_a_view_exactly_where_numpys_is(
    case: tuple[Layout, Array, Array], data: st.DataObject
) -> None:
    layout, base, view = case
    shape = data.draw(factorings(view.size))
    found = layout.reshape(shape)
    expected = view.reshape(shape)
    if view.size == 0:
        assert found is not None
        assert found.shape == shape
        return
    assert (found is not None) is np.shares_memory(expected, base)
    if found is not None:
        same(found, base, expected)


@st.composite
def factorings(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """A shape of so many elements."""
    if size == 0:
        return tuple(draw(st.permutations([0, 2, 3])))
    shape: list[int] = []
    while size > 1 and len(shape) < 4:
        factor = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
        shape.append(factor)
        size //= factor
    return (*shape, size) if size > 1 else tuple(shape)


@given(shapes, st.integers(0, 5))
def test_a_dense_layout_flattens_with_its_offset(shape: tuple[int, ...], offset: int) -> None:
    layout = Layout(shape, Layout.dense(shape).strides, offset)
    flat = layout.reshape((math.prod(shape),))
    assert flat == Layout((math.prod(shape),), (1,), offset)


@pytest.mark.parametrize(
    ("layout", "shape", "expected"),
    [
        (Layout((2, 3), (1, 2)), (6,), None),
        (Layout((2, 3), (6, 2)), (6,), Layout((6,), (2,))),
        (Layout((4, 3), (0, 1)), (2, 2, 3), Layout((2, 2, 3), (0, 0, 1))),
        (Layout((2, 1, 3), (3, 99, 1), 7), (3, 2), Layout((3, 2), (2, 1), 7)),
        (Layout((), (), 5), (1, 1), Layout((1, 1), (1, 1), 5)),
        (Layout((3,), (-1,), 2), (3, 1), Layout((3, 1), (-1, 1), 2)),
    ],
)
def test_reshape(layout: Layout, shape: tuple[int, ...], expected: Layout | None) -> None:
    assert layout.reshape(shape) == expected
