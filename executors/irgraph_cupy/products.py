"""Matrix products of floats as calls of cuBLAS."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import product

from .elementwise import launch_copy, launch_fill, launch_products
from .reductions import Empty
from .source import Array, Launch, Product, Strides, broadcast, collapse, strides


def launch_matmul(a: Array, b: Array, out: Array, empty: Empty) -> Iterator[Launch | Product]:
    """out = a @ b, the axes before the last two broadcast."""
    if out.size == 0:
        return
    if a.shape[-1] == 0:
        yield from launch_fill(out, 0)
    elif out.dtype.kind != "f":
        yield from launch_products(a, b, out)
    else:
        a = yield from _readable(a, empty)
        b = yield from _readable(b, empty)
        yield from _products(a, b, out)


def _readable(x: Array, empty: Empty) -> Generator[Launch, None, Array]:
    """A matrix operand whose rows or whose columns lie in order: `x` itself, or a copy."""
    if _lead(x) is None:
        target = empty(x.shape, x.dtype.name)
        yield from launch_copy(x, target)
        return target
    return x


def _lead(x: Array) -> tuple[bool, int] | None:
    """Whether the last two axes are transposed, and the distance between rows (or columns); None where
    neither lies in order."""
    rows, columns = x.shape[-2:]
    down, right = strides(x)[-2:]
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        return False, max(down, columns) if rows > 1 else columns
    if (down == 1 or rows == 1) and (right >= rows or columns == 1):
        return True, max(right, rows) if columns > 1 else rows
    return None


def _products(a: Array, b: Array, out: Array) -> Iterator[Product]:
    """One batched product for each position of the leading axes that no common step covers."""
    lead, rows, inner, columns = out.shape[:-2], out.shape[-2], a.shape[-1], out.shape[-1]
    own = [broadcast(a, (*lead, rows, inner)), broadcast(b, (*lead, inner, columns)), strides(out)]
    sizes, steps = collapse(lead, [each[:-2] for each in own])
    (a_turned, a_lead), (b_turned, b_lead) = _lead(a) or (False, inner), _lead(b) or (False, columns)
    own_step = steps[0][-1] if sizes else 0
    in_order = own_step >= inner if rows == 1 else own_step == rows * a_lead
    if sizes and steps[1][-1] == 0 and not a_turned and in_order:
        # One matrix on the right: the innermost leading axis of the left counts as rows.
        a_lead = own_step if rows == 1 else a_lead
        rows *= sizes[-1]
        sizes, steps = sizes[:-1], [each[:-1] for each in steps]
    ahead = sizes[:-1]
    for at in product(*map(range, ahead)):
        offsets = [sum(n * s for n, s in zip(at, each[:-1], strict=True)) for each in steps]
        yield Product(
            (a, b, out),
            (offsets[0], offsets[1], offsets[2]),
            (rows, inner, columns),
            (a_turned, b_turned),
            (a_lead, b_lead, columns),
            (last_of(steps[0]), last_of(steps[1]), last_of(steps[2])),
            sizes[-1] if sizes else 1,
        )


def last_of(steps: Strides) -> int:
    """The step of the innermost leading axis; 0 where there is none."""
    return steps[-1] if steps else 0
