"""Stable sorting of lines by merging, where each element finds its own place by bisection."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .elementwise import Operand, addresses, launch_elements
from .reductions import Empty
from .source import LOOP, THREADS, Array, Launch, Source, blocks_for, c_type, collapse, integer, strides


def launch_argsort(x: Array, axis: int, descending: bool, out: Array, empty: Empty) -> Iterator[Launch]:
    """The positions of the elements in order along an axis; equal ones stay in order, and NaN is the largest.

    Runs of 1, 2, 4, … elements are merged in pairs: the place of an element in the merged run is its own in
    its run plus the number of elements of the other run that go before it.
    """
    size, count = x.shape[axis], int(x.size)
    if not count:
        return
    rest = [n for n in range(x.ndim) if n != axis]
    own = strides(x)
    sizes, (step,) = collapse([x.shape[n] for n in rest], [tuple(own[n] for n in rest)])
    where, parameters, arguments = addresses(sizes, ["base"], [step], count // size, "line")
    source = Source(
        "merge",
        (
            f"const {c_type(x)}* x",
            "const long long* order",
            "long long* merged",
            "long long n",
            "long long size",
            "long long step",
            "long long width",
            "int first",
            *parameters,
        ),
        _MERGE % {"where": where, "kind": c_type(x)},
        _BEFORE % (c_type(x), c_type(x), *((">", "a", "b") if descending else ("<", "b", "a"))),
    )
    order, merged = empty((count,), "int64"), empty((count,), "int64")
    width = 1
    while width < size or width == 1:
        numbers = (integer(count), integer(size), integer(own[axis]), integer(width), np.int32(width == 1))
        yield Launch(source, blocks_for(count), THREADS, (x, order, merged, *numbers, *arguments))
        order, merged = merged, order
        width *= 2
    dense = [0] * x.ndim
    step_out = 1
    for n in reversed((*rest, axis)):
        dense[n], step_out = step_out, step_out * x.shape[n]
    yield from launch_elements(
        "order", out.shape, Operand(out, strides(out)), [Operand(order, tuple(dense))], "out[at] = x0[at0];"
    )


_BEFORE = """
__device__ inline bool before(%s a, %s b) {
  return a %s b || (is_nan(%s) && !is_nan(%s));
}"""

_MERGE = f"""{LOOP}
    const long long line = i / size, j = i %% size;
    %(where)s
    const long long run = j / width, pair = j / (2 * width) * (2 * width);
    const bool right = run %% 2;
    const long long mine = first ? j : order[i];
    const %(kind)s value = x[base + mine * step];
    const long long from = right ? pair : pair + width;
    long long low = from, high = from + width < size ? from + width : size;
    while (low < high) {{
      const long long middle = (low + high) / 2;
      const %(kind)s other = x[base + (first ? middle : order[line * size + middle]) * step];
      if (right ? !before(value, other) : before(other, value)) low = middle + 1; else high = middle;
    }}
    const long long place = pair + (j - run * width) + (low - from);
    merged[line * size + place] = mine;
  }}"""
