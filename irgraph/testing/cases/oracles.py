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


def tapped(x: Array, kernel: Sequence[int], stride: Any, pads: Pads, dilation: Any, fill: float) -> Array:
    """Shape (taps, N, C, outputs): what each tap of each window meets, in row-major order of taps."""
    counts = counts_of(x.shape[2:], kernel, stride, pads, dilation)
    padded = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=fill)
    return np.stack([padded[(..., *at)] for _, at in taps(kernel, counts, stride, dilation)])


def max_pool(x: Array, kernel: Any, stride: Any, pads: Pads, dilation: Any) -> Array:
    """The largest of all taps."""
    return np.asarray(tapped(x, kernel, stride, pads, dilation, -np.inf).max(0))


def at_maximum(x: Array, t: Array, kernel: Any, stride: Any, pads: Pads, dilation: Any) -> Array:
    """The element of `t` at each window's first maximum of `x`."""
    first = tapped(x, kernel, stride, pads, dilation, -np.inf).argmax(0)
    found: Array = np.take_along_axis(tapped(t, kernel, stride, pads, dilation, 0), first[None], 0)[0]
    return found


def to_maximum(x: Array, g: Array, kernel: Any, stride: Any, pads: Pads, dilation: Any) -> Array:
    """Each element of `g` added at its window's first maximum of `x`."""
    first = tapped(x, kernel, stride, pads, dilation, -np.inf).argmax(0)
    out: Array = np.zeros_like(np.pad(x, [(0, 0), (0, 0), *pads]))
    for number, (_, at) in enumerate(taps(kernel, g.shape[2:], stride, dilation)):
        out[(..., *at)] += np.where(first == number, g, 0)
    inside: Any = (..., *(slice(low, low + n) for n, (low, _) in zip(x.shape[2:], pads, strict=True)))
    return np.asarray(out[inside])


def average_pool(x: Array, kernel: Any, stride: Any, pads: Pads, counted: Pads) -> Array:
    """The sum of all taps over the number of those that count."""
    ones = np.pad(np.ones(x.shape[2:]), counted, constant_values=1)
    rest = [(low - a, high - b) for (low, high), (a, b) in zip(pads, counted, strict=True)]
    counts = tapped(np.pad(ones, rest)[None, None], kernel, stride, [(0, 0)] * len(pads), [1] * len(pads), 0)
    return np.asarray(tapped(x, kernel, stride, pads, [1] * len(pads), 0).sum(0) / counts.sum(0))
