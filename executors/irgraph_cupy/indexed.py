"""Kernels with run-time indices, and random numbers. No sum depends on which thread comes first."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from .elementwise import Operand, launch_copy, launch_elements
from .low_precision import LOW_TYPES
from .reductions import Empty, launch_scan
from .source import LOOP, THREADS, Array, Launch, Source, blocks_for, c_type, integer, strides

FEW = 256  # updates that are searched one after another
DIGIT = 16  # values of a digit that one pass of the sort orders by
WORKERS = 4096  # threads of the sort at most; each counts and moves a run of elements
SHORTEST = 32  # elements of such a run at least


def launch_check(flag: Array, number: int, x: Array, bad: str, limits: dict[str, int]) -> Iterator[Launch]:
    """Note `number` in the flag if any element is bad, unless it holds a smaller one. `bad` is C of the
    element `x` and the names in `limits`."""
    kind = "float" if c_type(x) in LOW_TYPES.values() else c_type(x)
    if x.size:
        yield from launch_elements(
            "check",
            x.shape,
            Operand(flag, (0,) * x.ndim),
            [Operand(x, strides(x))],
            f"const {kind} x = ({kind})x0[at0]; if ({bad}) atomicMin(out, number);",
            [("int number", np.int32(number)), *((f"long long {n}", integer(v)) for n, v in limits.items())],
        )


def launch_check_index(flag: Array, number: int, index: Array, size: int) -> Iterator[Launch]:
    """Check that every element is in 0 … size - 1."""
    least = "" if index.dtype.kind == "u" else "x < 0 || "
    limit = f"x >= ({'unsigned long long' if index.dtype.name == 'uint64' else 'long long'})size"
    yield from launch_check(flag, number, index, f"{least}{limit}", {"size": size})


def launch_check_finite(flag: Array, number: int, x: Array) -> Iterator[Launch]:
    """Check that every element is finite."""
    yield from launch_check(flag, number, x, "!(x - x == 0)", {})


# ----------------------------------------------------------------------------------- scatter-add


def launch_add_at(updates: Array, index: Array, out: Array, empty: Empty) -> Iterator[Launch]:
    """out[index[k]] += updates[k] from zeros, each row's updates in the order of k."""
    yield from launch_put_at(None, updates, index, out, "add", empty)


COMBINED = {
    "set": "{u}",
    "add": "value + {u}",
    "multiply": "value * {u}",
    "max": "larger(value, {u})",
    "min": "smaller(value, {u})",
}
"""What a place becomes by a further update, in C."""


def launch_put_at(
    x: Array | None, updates: Array, index: Array, out: Array, mode: str, empty: Empty
) -> Iterator[Launch]:
    """`x` (None: zeros) with updates at positions of its first axis, each row's in the order of the index.

    The positions are sorted by index, stably; then each element of the output goes through its own run. An
    index that is out of range, which a check reports, is left out.
    """
    count, rank = int(index.size), index.ndim
    if not out.size:
        return
    keys = empty((max(count, 1),), "int64")
    if count:
        yield from launch_copy(index, keys[:count].reshape(index.shape))
    order: Array | None = None
    if count > FEW:
        keys, order = yield from _sorted(keys, out.shape[0], empty)
    wide = strides(updates)
    position, parameters, arguments = _position(index.shape, wide[:rank])
    everywhere, rows = (0,) * out.ndim, (1,) + (0,) * (out.ndim - 1)
    operands = [Operand(updates, (0, *wide[rank:])), Operand(keys, everywhere), Operand(keys, rows)]
    operands += [Operand(keys if order is None else order, everywhere)]
    operands += [] if x is None else [Operand(x, strides(x))]
    exact = out.dtype.kind != "f" or mode == "set"
    acc = c_type(out) if exact else "double"
    body = (_SEARCHED if order is None else _SORTED) % {
        "acc": acc,
        "kind": c_type(out),
        "start": "0" if x is None else "x4[at4]",
        "position": position,
        "combined": COMBINED[mode].format(u=f"({acc})x0[from]"),
    }
    numbers = [("long long count", integer(count)), *zip(parameters, arguments, strict=True)]
    yield from launch_elements(f"put_{mode}", out.shape, Operand(out, strides(out)), operands, body, numbers)


def _position(sizes: tuple[int, ...], steps: tuple[int, ...]) -> tuple[str, list[str], list[Any]]:
    """C that adds to `from` where update `k` lies, for an index of any rank."""
    parameters, arguments, lines = [], [], ["long long left = k;"]
    for axis in reversed(range(len(sizes))):
        parameters += [f"long long index_{axis}", f"long long step_{axis}"]
        arguments += [integer(sizes[axis]), integer(steps[axis])]
        lines.append(f"from += (left % index_{axis}) * step_{axis}; left /= index_{axis};")
    return " ".join(lines), parameters, arguments


_SEARCHED = """const long long row = at2;
    %(acc)s value = (%(acc)s)%(start)s;
    for (long long k = 0; k < count; ++k) {
      if (x1[k] != row) continue;
      long long from = at0;
      %(position)s
      value = (%(acc)s)(%(combined)s);
    }
    out[at] = (%(kind)s)value;"""

_SORTED = """const long long row = at2;
    long long low = 0, high = count;
    while (low < high) {
      const long long middle = (low + high) / 2;
      if (x1[middle] < row) low = middle + 1; else high = middle;
    }
    %(acc)s value = (%(acc)s)%(start)s;
    for (; low < count && x1[low] == row; ++low) {
      const long long k = x3[low];
      long long from = at0;
      %(position)s
      value = (%(acc)s)(%(combined)s);
    }
    out[at] = (%(kind)s)value;"""


def _sorted(keys: Array, size: int, empty: Empty) -> Generator[Launch, None, tuple[Array, Array]]:
    """Launches that sort keys stably, by one digit after another from the least; the sorted keys, and the
    positions where they were. Every key that is no index of `size` becomes `size`, and comes last."""
    count = keys.shape[0]
    run = max(SHORTEST, -(-count // WORKERS))
    workers = -(-count // run)
    counts, starts = empty((DIGIT * workers,), "int64"), empty((DIGIT * workers,), "int64")
    spare, order, other = (empty((count,), "int64") for _ in range(3))
    digits = 1
    while DIGIT**digits <= size:  # `size` itself stands for every index that is out of range
        digits += 1
    arguments = (integer(count), integer(workers), integer(run))
    for digit in range(digits):
        limits = (integer(4 * digit), integer(size))
        yield Launch(_COUNT, blocks_for(workers), THREADS, (keys, counts, *arguments, *limits))
        yield from launch_scan(counts, 0, False, starts)
        moved = (keys, order, starts, spare, other, *arguments, *limits, np.int32(digit == 0))
        yield Launch(_MOVE, blocks_for(workers), THREADS, moved)
        keys, spare = spare, keys
        order, other = other, order
    return keys, order


_DIGIT = """
__device__ inline long long clamped(long long key, long long size) {
  return key < 0 || key > size ? size : key;
}
__device__ inline int digit_of(long long key, long long shift) { return (int)((key >> shift) & 15); }"""
_WORKER = """    const long long from = i * run, to = from + run < count ? from + run : count;"""
_COUNT = Source(
    "sort_count",
    (
        "const long long* keys",
        "long long* counts",
        "long long count",
        "long long n",
        "long long run",
        "long long shift",
        "long long size",
    ),
    f"""{LOOP}
{_WORKER}
    int seen[16] = {{0}};
    for (long long k = from; k < to; ++k) ++seen[digit_of(clamped(keys[k], size), shift)];
    for (int d = 0; d < 16; ++d) counts[d * n + i] = seen[d];
  }}""",
    _DIGIT,
)
_MOVE = Source(
    "sort_move",
    (
        "const long long* keys",
        "const long long* order",
        "const long long* ends",
        "long long* sorted_keys",
        "long long* sorted_order",
        "long long count",
        "long long n",
        "long long run",
        "long long shift",
        "long long size",
        "int first",
    ),
    f"""{LOOP}
{_WORKER}
    long long next[16];
    for (int d = 0; d < 16; ++d) next[d] = d * n + i == 0 ? 0 : ends[d * n + i - 1];
    for (long long k = from; k < to; ++k) {{
      const long long key = clamped(keys[k], size);
      const long long place = next[digit_of(key, shift)]++;
      sorted_keys[place] = key;
      sorted_order[place] = first ? k : order[k];
    }}
  }}""",
    _DIGIT,
)


# ---------------------------------------------------------------------------------------- Philox


def launch_philox(key: Array, step: Array, out: Array, stream: int, bits: int) -> Iterator[Launch]:
    """Uniform integers: a thread computes the four words of one counter (Salmon et al., SC 2011)."""
    if out.size:
        blocks = -(-int(out.size) // 4)
        arguments = (
            key,
            step,
            out,
            integer(blocks),
            integer(out.size),
            np.uint32(stream),
            np.int32(32 - bits),
        )
        yield Launch(_PHILOX, blocks_for(blocks), THREADS, arguments)


_PHILOX = Source(
    "philox",
    (
        "const long long* key",
        "const long long* step",
        "unsigned int* out",
        "long long n",
        "long long size",
        "unsigned int stream",
        "int drop",
    ),
    f"""{LOOP}
    unsigned long long seed = (unsigned long long)*key, now = (unsigned long long)*step;
    unsigned int k0 = (unsigned int)seed, k1 = (unsigned int)(seed >> 32);
    unsigned int c[4] = {{(unsigned int)i, (unsigned int)now, (unsigned int)(now >> 32), stream}};
    for (int round = 0; round < 10; ++round) {{
      const unsigned long long p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
      c[0] = (unsigned int)(p1 >> 32) ^ c[1] ^ k0;
      c[2] = (unsigned int)(p0 >> 32) ^ c[3] ^ k1;
      c[1] = (unsigned int)p1;
      c[3] = (unsigned int)p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }}
    for (int word = 0; word < 4; ++word)
      if (4 * i + word < size) out[4 * i + word] = c[word] >> drop;
  }}""",
)
