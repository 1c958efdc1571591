"""Kernels that reduce or run along axes, always in the same order, so that results repeat bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .elementwise import addresses
from .scalars import C_TYPES
from .source import (
    LOOP,
    MOST_BLOCKS,
    THREADS,
    Array,
    Launch,
    Source,
    Strides,
    blocks_for,
    c_type,
    collapse,
    integer,
    strides,
)

SHORT = 64  # elements that one thread sums alone
MANY = 1 << 14  # outputs that keep a device busy with one thread for each
SPLIT = 1 << 16  # elements of one output from which on several blocks share it
PARTS = 256  # blocks that share an output


@dataclass(frozen=True)
class Reducer:
    """What a reduction does, in C: a type `Acc`, and functions of it.

    `start()` is the reduction of nothing, `take(x, k)` that of element `k` alone, `join(a, b)` that of
    two runs of which `a` comes first, `finish(a, n)` the result for `n` elements. `stored` is the dtype
    that holds an `Acc` between two kernels; None: it has none, and one block does it all.
    """

    stem: str
    text: str
    stored: str | None = None


def accumulator(dtype: str) -> str:
    """Sums of float32 are kept in double: memory is slower than both, and long sums keep their digits."""
    if dtype.startswith("float"):
        return "double"
    return "unsigned long long" if dtype.startswith("u") else "long long"


def _sum(x: Array, out: Array, result: str) -> Reducer:
    acc = accumulator(x.dtype.name)
    return Reducer(
        "sum" if result == "a" else "mean",
        f"""
typedef {acc} Acc;
__device__ inline Acc start() {{ return 0; }}
__device__ inline Acc take({c_type(x)} x, long long k) {{ return (Acc)x; }}
__device__ inline Acc join(Acc a, Acc b) {{ return a + b; }}
__device__ inline {c_type(out)} finish(Acc a, double n) {{ return ({c_type(out)})({result}); }}""",
        next(name for name, written in C_TYPES.items() if written == acc),
    )


def sum_of(x: Array, out: Array) -> Reducer:
    """The sum."""
    return _sum(x, out, "a")


def mean_of(x: Array, out: Array) -> Reducer:
    """The mean; that of nothing is NaN."""
    return _sum(x, out, "a / n")


def product_of(x: Array, out: Array) -> Reducer:
    """The product."""
    acc = accumulator(x.dtype.name)
    return Reducer(
        "prod",
        f"""
typedef {acc} Acc;
__device__ inline Acc start() {{ return 1; }}
__device__ inline Acc take({c_type(x)} x, long long k) {{ return (Acc)x; }}
__device__ inline Acc join(Acc a, Acc b) {{ return a * b; }}
__device__ inline {c_type(out)} finish(Acc a, double n) {{ return ({c_type(out)})a; }}""",
        next(name for name, written in C_TYPES.items() if written == acc),
    )


def extreme_of(x: Array, out: Array, is_max: bool) -> Reducer:
    """The largest or smallest, NaN where there is one."""
    kind, better = c_type(x), ">" if is_max else "<"
    return Reducer(
        "max" if is_max else "min",
        f"""
struct Acc {{ {kind} value; bool any; }};
__device__ inline Acc start() {{ Acc a = {{({kind})0, false}}; return a; }}
__device__ inline Acc take({kind} x, long long k) {{ Acc a = {{x, true}}; return a; }}
__device__ inline Acc join(Acc a, Acc b) {{
  if (!b.any || (a.any && is_nan(a.value))) return a;
  return !a.any || is_nan(b.value) || b.value {better} a.value ? b : a;
}}
__device__ inline {kind} finish(Acc a, double n) {{ return a.value; }}""",
    )


def position_of(x: Array, out: Array, is_max: bool) -> Reducer:
    """The position of the first largest or smallest, or of the first NaN."""
    kind, better = c_type(x), ">" if is_max else "<"
    return Reducer(
        "argmax" if is_max else "argmin",
        f"""
struct Acc {{ {kind} value; long long at; }};
__device__ inline Acc start() {{ Acc a = {{({kind})0, -1}}; return a; }}
__device__ inline Acc take({kind} x, long long k) {{ Acc a = {{x, k}}; return a; }}
__device__ inline Acc join(Acc a, Acc b) {{
  if (b.at < 0) return a;
  if (a.at < 0) return b;
  if (is_nan(a.value) || is_nan(b.value))
    return is_nan(a.value) && (!is_nan(b.value) || a.at < b.at) ? a : b;
  if (a.value == b.value) return a.at < b.at ? a : b;
  return b.value {better} a.value ? b : a;
}}
__device__ inline long long finish(Acc a, double n) {{ return a.at; }}""",
    )


Empty = Callable[[Sequence[int], str], Array]
"""Makes scratch memory of a shape and dtype."""


def launch_reduction(
    reducer: Reducer, x: Array, axes: Sequence[int], out: Array, empty: Empty
) -> Iterator[Launch]:
    """Reduce some axes of `x` into `out`, whose elements lie in order.

    Many outputs of few elements get a thread each, all others a block; where a few outputs have very many
    elements, several blocks share each, and a second kernel joins what they found in order.
    """
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    own = strides(x)
    outer, (outer_strides,) = collapse([x.shape[a] for a in kept], [tuple(own[a] for a in kept)])
    inner, (inner_strides,) = collapse([x.shape[a] for a in axes], [tuple(own[a] for a in axes)])
    outputs, elements = _product(outer), _product(inner)
    if outputs == 0:
        return
    shared = reducer.stored is not None and elements >= SPLIT and outputs < PARTS
    parts = min(PARTS, elements // (SPLIT // 16)) if shared else 1
    target = empty((outputs * parts,), str(reducer.stored)) if shared else out
    alone = not shared and (elements <= SHORT or (outputs >= MANY and elements < SPLIT))
    yield _reduce(reducer, x, target, (outer, outer_strides), (inner, inner_strides), parts, alone, shared)
    if shared:
        yield _join(reducer, target, out, outputs, parts, elements)


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


Axes = tuple[Strides, Strides]  # sizes and strides


def _reduce(
    reducer: Reducer, x: Array, out: Array, outer: Axes, inner: Axes, parts: int, alone: bool, shared: bool
) -> Launch:
    outputs, elements = _product(outer[0]), _product(inner[0])
    first, outer_parameters, outer_arguments = addresses(outer[0], ["base"], [outer[1]], outputs, "row")
    each, inner_parameters, inner_arguments = addresses(inner[0], ["step"], [inner[1]], elements, "j")
    text = _ALONE if alone else _BLOCK
    body = text % {
        "first": first,
        "each": each,
        "result": "a" if shared else "finish(a, (double)count)",
        "threads": THREADS,
    }
    kind = "Acc" if shared else c_type(out)
    source = Source(
        f"{reducer.stem}_{'alone' if alone else 'block'}",
        (
            f"const {c_type(x)}* x",
            f"{kind}* out",
            "long long outputs",
            "long long count",
            "long long parts",
            *outer_parameters,
            *inner_parameters,
        ),
        body,
        reducer.text,
    )
    numbers = (integer(outputs), integer(elements), integer(parts))
    blocks = blocks_for(outputs) if alone else min(outputs * parts, MOST_BLOCKS)
    return Launch(source, blocks, THREADS, (x, out, *numbers, *outer_arguments, *inner_arguments))


_ALONE = """  for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < outputs;
       row += (long long)gridDim.x * blockDim.x) {
    %(first)s
    Acc a = start();
    for (long long j = 0; j < count; ++j) {
      %(each)s
      a = join(a, take(x[base + step], j));
    }
    out[row] = %(result)s;
  }"""

_BLOCK = """  __shared__ Acc found[%(threads)d];
  for (long long at = blockIdx.x; at < outputs * parts; at += gridDim.x) {
    const long long row = at / parts, part = at %% parts;
    const long long share = (count + parts - 1) / parts, from = part * share;
    const long long to = from + share < count ? from + share : count;
    %(first)s
    Acc a = start();
    for (long long j = from + threadIdx.x; j < to; j += blockDim.x) {
      %(each)s
      a = join(a, take(x[base + step], j));
    }
    found[threadIdx.x] = a;
    __syncthreads();
    for (int half = %(threads)d / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) found[threadIdx.x] = join(found[threadIdx.x], found[threadIdx.x + half]);
      __syncthreads();
    }
    if (threadIdx.x == 0) { a = found[0]; out[at] = %(result)s; }
    __syncthreads();
  }"""


def _join(reducer: Reducer, parts: Array, out: Array, outputs: int, count: int, elements: int) -> Launch:
    body = f"""{LOOP}
    Acc a = start();
    for (long long j = 0; j < parts; ++j) a = join(a, x[i * parts + j]);
    out[i] = finish(a, (double)count);
  }}"""
    parameters = ("const Acc* x", f"{c_type(out)}* out", "long long n", "long long parts", "long long count")
    source = Source(f"{reducer.stem}_join", parameters, body, reducer.text)
    numbers = (integer(outputs), integer(count), integer(elements))
    return Launch(source, blocks_for(outputs), THREADS, (parts, out, *numbers))


def launch_scan(x: Array, axis: int, reverse: bool, out: Array) -> Iterator[Launch]:
    """Running sums along an axis, inclusive; a block goes along each line, tile by tile."""
    rest = [n for n in range(x.ndim) if n != axis]
    own, to = strides(x), strides(out)
    sizes, pair = collapse(
        [x.shape[n] for n in rest], [tuple(own[n] for n in rest), tuple(to[n] for n in rest)]
    )
    count, size = _product(sizes), x.shape[axis]
    if count == 0 or size == 0:
        return
    where, parameters, arguments = addresses(sizes, ["base", "base_out"], pair, count, "line")
    kind, acc = c_type(out), accumulator(x.dtype.name)
    at = "size - 1 - j" if reverse else "j"
    source = Source(
        "scan",
        (
            f"const {c_type(x)}* x",
            f"{kind}* out",
            "long long lines",
            "long long size",
            "long long step_x",
            "long long step_out",
            *parameters,
        ),
        _SCAN % {"acc": acc, "kind": kind, "where": where, "at": at, "threads": THREADS},
    )
    numbers = (integer(count), integer(size), integer(own[axis]), integer(to[axis]))
    yield Launch(source, min(count, MOST_BLOCKS), THREADS, (x, out, *numbers, *arguments))


_SCAN = """  __shared__ %(acc)s sums[2][%(threads)d];
  for (long long line = blockIdx.x; line < lines; line += gridDim.x) {
    %(where)s
    %(acc)s carry = 0;
    for (long long first = 0; first < size; first += blockDim.x) {
      const long long j = first + threadIdx.x, at = %(at)s;
      int now = 0;
      sums[0][threadIdx.x] = j < size ? (%(acc)s)x[base + at * step_x] : (%(acc)s)0;
      __syncthreads();
      for (int reach = 1; reach < %(threads)d; reach *= 2) {
        %(acc)s sum = sums[now][threadIdx.x];
        if (threadIdx.x >= reach) sum = sums[now][threadIdx.x - reach] + sum;
        now = 1 - now;
        sums[now][threadIdx.x] = sum;
        __syncthreads();
      }
      if (j < size) out[base_out + at * step_out] = (%(kind)s)(carry + sums[now][threadIdx.x]);
      carry += sums[now][%(threads)d - 1];
      __syncthreads();
    }
  }"""
