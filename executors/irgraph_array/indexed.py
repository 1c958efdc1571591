"""Kernels with run-time indices, and the random generator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from irgraph.dims import bind
from irgraph.errors import FeedError, explain
from irgraph.ops.indexing import CheckIndex, Take
from irgraph.ops.random import LOW, MULTIPLIERS, ROUNDS, WEYL, Philox
from irgraph.value import Node

from .table import Array, Call, Context, kernel


@kernel(CheckIndex)
def _check_index(
    context: Context, op: CheckIndex, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    """One reduction: read as unsigned, a negative index is beyond the largest that its dtype holds."""
    index = inputs[0]
    if index.size:
        size = bind(op.size, context.sizes)
        limit = min(size, np.iinfo(index.dtype).max + 1)
        unsigned = index.view(f"u{index.dtype.itemsize}")
        largest = partial(context.xp.maximum.reduce, unsigned, tuple(range(index.ndim)))

        def check() -> None:
            if largest() >= limit:
                raise out_of_range(context.node, index, size)

        yield check


def out_of_range(node: Node, index: Array, size: int) -> FeedError:
    """The error for indices in host memory of which one is not in 0 … size - 1."""
    if isinstance(node.op, CheckIndex) and node.op.failure:
        return FeedError(f"{node.op.failure}\n  At {node.origin}: {node.origin.source}.")
    bad = np.argwhere((index < 0) | (index >= size))[0]
    at = ", ".join(map(str, bad))
    value = node.inputs[0]
    error = FeedError(
        explain(
            f"the index {int(index[tuple(bad)])} at [{at}] of {value.label}",
            f"integers from 0 to {size - 1}",
            f"{node.origin}: {node.origin.source}",
            "Nothing was changed in the state.",
        )
    )
    if value.node.op.source == "input":
        error.position = tuple(map(int, bad))
    return error


@kernel(Take)
def _take(context: Context, op: Take, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """Indices were checked, so that the mode that does not buffer its output will do."""
    (x, index), (out,) = inputs, outputs
    if x.shape[op.axis]:
        yield partial(x.take, index, op.axis, out, "clip")


# ------------------------------------------------------------------------------------- Philox

_BLOCK = 4096  # counters at a time: the scratch of a block stays in the cache


def philox_4x32(xp: Any, counter: Array, key: tuple[int, int], scratch: Array) -> None:
    """Ten rounds of Philox4x32 in place. `counter` holds uint32 words as uint64, shape (4, n); `scratch`
    has shape (2, n). Salmon et al., SC 2011, section 5.2.
    """
    c0, c1, c2, c3 = counter
    product0, product1 = scratch
    k0, k1 = key
    for _ in range(ROUNDS):
        xp.multiply(c0, MULTIPLIERS[0], out=product0)
        xp.multiply(c2, MULTIPLIERS[1], out=product1)
        xp.right_shift(product1, 32, out=c0)  # c0 <- high(product1) ^ c1 ^ k0
        c0 ^= c1
        c0 ^= k0
        xp.right_shift(product0, 32, out=c2)  # c2 <- high(product0) ^ c3 ^ k1
        c2 ^= c3
        c2 ^= k1
        xp.bitwise_and(product1, LOW, out=c1)
        xp.bitwise_and(product0, LOW, out=c3)
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW


@kernel(Philox)
def _philox(
    context: Context, op: Philox, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (key, step), (out,) = inputs, outputs
    xp = context.xp
    flat = out.reshape(-1)
    blocks = min(_BLOCK, -(-flat.size // 4))
    counter = xp.empty((4, blocks), "uint64")
    scratch = xp.empty((2, blocks), "uint64")
    words = xp.empty((blocks, 4), "uint64")
    counts = xp.arange(blocks, dtype="uint64")

    def draw() -> None:
        seed, now = int(key) & 0xFFFFFFFFFFFFFFFF, int(step) & 0xFFFFFFFFFFFFFFFF
        for first in range(0, -(-flat.size // 4), _BLOCK):
            counter[0] = counts
            counter[0] += first
            counter[1:] = [[now & LOW], [now >> 32], [op.stream]]
            philox_4x32(xp, counter, (seed & LOW, seed >> 32), scratch)
            words[...] = counter.T
            part = flat[4 * first : 4 * (first + _BLOCK)]
            part[...] = words.reshape(-1)[: part.size] >> (32 - op.bits)

    if flat.size:
        yield draw
