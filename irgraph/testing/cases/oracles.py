"""Convolution and pooling by brute force in NumPy: one tap of the kernel at a time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..case import Array

Pads = Sequence[tuple[int, int]]


def taps(kernel: Sequence[int], counts: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Any:
    """For each tap of the kernel: its index, and the inputs that it meets, one for each output."""
    for tap in itertools.product(*map(range, kernel)):
        starts = [k * d for k, d in zip(tap, dilation, strict=True)]
        ends = zip(starts, counts, stride, strict=True)
        yield tap, tuple(slice(start, start + (count - 1) * s + 1, s) for start, count, s in ends)


def counts_of(
    sizes: Sequence[int], kernel: Sequence[int], stride: Any, pads: Pads, dilation: Any
) -> list[int]:
    """How many windows fit along each axis."""
    axes = zip(sizes, kernel, stride, pads, dilation, strict=True)
    counts = [(n + low + high - (k - 1) * d - 1) // s + 1 for n, k, s, (low, high), d in axes]
    if min(counts) < 1:
        raise ValueError("a window does not fit")
    return counts


def _same(sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int]) -> Pads:
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, kernel, stride, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def _grouped(images: Array, groups: int) -> Array:
    return images.reshape(len(images), groups, images.shape[1] // groups, *images.shape[2:])


def correlate(
    x: Any, w: Any, bias: Any = 0, stride: Any = 1, pads: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """A convolution, one tap of the kernel at a time."""
    rank, kernel = x.ndim - 2, w.shape[2:]
    stride, dilation = np.broadcast_to(stride, rank), np.broadcast_to(dilation, rank)
    if isinstance(pads, str):
        pads = _same(x.shape[2:], kernel, stride)
    pads = np.broadcast_to(np.reshape(pads, (-1, 1)) if np.ndim(pads) < 2 else pads, (rank, 2))
    counts = counts_of(x.shape[2:], kernel, stride, pads, dilation)
    padded = _grouped(np.pad(x, [(0, 0), (0, 0), *pads]), groups)
    out = np.zeros((x.shape[0], groups, w.shape[0] // groups, *counts))
    filters = w.reshape(groups, -1, *w.shape[1:])
    for tap, at in taps(kernel, counts, stride, dilation):
        out += np.einsum("ngc...,goc->ngo...", padded[(..., *at)], filters[(..., *tap)])
    return out.reshape(x.shape[0], w.shape[0], *counts) + np.reshape(bias, (-1, *(1,) * rank))


def spread(
    g: Array,
    w: Array,
    bias: Any = 0,
    stride: Any = 1,
    pads: Any = 0,
    extra: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """A transposed convolution: each element adds the filter around its place."""
    rank, kernel, counts = g.ndim - 2, w.shape[2:], g.shape[2:]
    stride, dilation, extra = (np.broadcast_to(each, rank) for each in (stride, dilation, extra))
    pads = np.broadcast_to(np.reshape(pads, (-1, 1)) if np.ndim(pads) < 2 else pads, (rank, 2))
    whole = [
        (n - 1) * s + (k - 1) * d + 1 + e
        for n, s, k, d, e in zip(counts, stride, kernel, dilation, extra, strict=True)
    ]
    out = np.zeros((g.shape[0], groups, w.shape[1], *whole))
    each = _grouped(g, groups)
    filters = w.reshape(groups, -1, *w.shape[1:])
    for tap, at in taps(kernel, counts, stride, dilation):
        out[(..., *at)] += np.einsum("ngo...,goc->ngc...", each, filters[(..., *tap)])
    inside: Any = (..., *(slice(low, n - high) for n, (low, high) in zip(whole, pads, strict=True)))
    part = out[inside]
    images: Array = part.reshape(part.shape[0], groups * w.shape[1], *part.shape[3:])
    return images + np.reshape(bias, (-1, *(1,) * rank))


def filter_gradient(
    x: Array, g: Array, kernel: Sequence[int], stride: Any, pads: Pads, dilation: Any, groups: int
) -> Array:
    """What a filter gets from the results, one tap at a time."""
    padded, each = _grouped(np.pad(x, [(0, 0), (0, 0), *pads]), groups), _grouped(g, groups)
    out = np.zeros((groups, each.shape[2], padded.shape[2], *kernel))
    for tap, at in taps(kernel, g.shape[2:], stride, dilation):
        out[(..., *tap)] = np.einsum(
            "ngcp,ngop->goc",
            *(a.reshape(*a.shape[:3], int(np.prod(a.shape[3:]))) for a in (padded[(..., *at)], each)),
        )
    return out.reshape(g.shape[1], -1, *kernel)
