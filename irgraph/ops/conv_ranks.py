"""Convolutions that say how many axes of space they have."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError, explain
from ..origin import here
from ..value import Value
from .conv import conv, conv_transpose
from .operands import as_value


def conv1d(x: Any, w: Any, bias: Any = None, **options: Any) -> Value:
    """`conv` of sequences: `x` (N, C, L), `w` (O, C/groups, k), with its options. Raises ShapeError for
    another rank.

    >>> from irgraph import input
    >>> conv1d(input("x", ("batch", 3, 32)), input("w", (16, 3, 5)), padding="same")
    <a result of conv : float32[batch, 16, 32]>
    """
    return conv(_of_rank("conv1d", x, 1), w, bias, **options)


def conv2d(x: Any, w: Any, bias: Any = None, **options: Any) -> Value:
    """`conv` of images: `x` (N, C, H, W), `w` (O, C/groups, h, w), with its options. Raises ShapeError for
    another rank.

    >>> from irgraph import input
    >>> conv2d(input("x", ("batch", 3, 32, 32)), input("w", (16, 3, 5, 5)), stride=2)
    <a result of conv : float32[batch, 16, 14, 14]>
    """
    return conv(_of_rank("conv2d", x, 2), w, bias, **options)


def conv3d(x: Any, w: Any, bias: Any = None, **options: Any) -> Value:
    """`conv` of volumes: `x` (N, C, D, H, W), `w` (O, C/groups, d, h, w), with its options. Raises ShapeError
    for another rank.

    >>> from irgraph import input
    >>> conv3d(input("x", ("batch", 1, 8, 8, 8)), input("w", (4, 1, 3, 3, 3)))
    <a result of conv : float32[batch, 4, 6, 6, 6]>
    """
    return conv(_of_rank("conv3d", x, 3), w, bias, **options)


def conv1d_transpose(x: Any, w: Any, bias: Any = None, **options: Any) -> Value:
    """`conv_transpose` of sequences, `x` (N, C, L), with its options. Raises ShapeError for another rank.

    >>> from irgraph import input
    >>> conv1d_transpose(input("x", ("batch", 8, 16)), input("w", (8, 3, 2)), stride=2)
    <a result of conv_input_gradient : float32[batch, 3, 32]>
    """
    return conv_transpose(_of_rank("conv1d_transpose", x, 1), w, bias, **options)


def conv2d_transpose(x: Any, w: Any, bias: Any = None, **options: Any) -> Value:
    """`conv_transpose` of images, `x` (N, C, H, W), with its options. Raises ShapeError for another rank.

    >>> from irgraph import input
    >>> conv2d_transpose(input("x", ("batch", 8, 16, 16)), input("w", (8, 3, 2, 2)), stride=2)
    <a result of conv_input_gradient : float32[batch, 3, 32, 32]>
    """
    return conv_transpose(_of_rank("conv2d_transpose", x, 2), w, bias, **options)


def conv3d_transpose(x: Any, w: Any, bias: Any = None, **options: Any) -> Value:
    """`conv_transpose` of volumes, `x` (N, C, D, H, W), with its options. Raises ShapeError for another rank.

    >>> from irgraph import input
    >>> conv3d_transpose(input("x", ("batch", 4, 6, 6, 6)), input("w", (4, 1, 3, 3, 3)))
    <a result of conv_input_gradient : float32[batch, 1, 8, 8, 8]>
    """
    return conv_transpose(_of_rank("conv3d_transpose", x, 3), w, bias, **options)


def _of_rank(what: str, x: Any, space: int) -> Value:
    value = as_value(x)
    if value.ndim != space + 2:
        needed = f"(N, C, …) with {space} {'axis' if space == 1 else 'axes'} of space"
        raise ShapeError(explain(f"{what} of {value!r}", needed, here()))
    return value
