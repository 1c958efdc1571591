"""`scan` as users write it: a Python function is called once, on values that stand for those of a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..collector import without_collector
from ..dims import Size, as_shape, same_size
from ..errors import DTypeError, GraphError, ShapeError, explain
from ..ops.operands import as_value, is_scalar
from ..ops.update import forbidding_updates
from ..origin import here
from ..value import Value
from .building import Loop
from .trees import leaves, leaves_like, place, rebuilt

Body = Callable[[Any, Any], tuple[Any, Any]]

_DRAW = (
    "Draw random numbers before the scan, for all steps at once, and scan over the draws; keep what a step "
    "changes in the carry."
)


@without_collector
def scan(body: Body, init: Any, xs: Any = None, length: Any = None, reverse: bool = False) -> tuple[Any, Any]:
    """A loop: `carry, ys[t] = body(carry, xs[t])` for each position `t` of the first axis of `xs`.

    Returns the last carry and the stacked `ys`. `init`, `xs` and what the body returns are values, or lists,
    tuples and dicts of them (None: nothing); numbers and arrays become constants. `xs` are scanned over
    axis 0, from the end if `reverse`: `ys[t]` still belongs to `xs[t]`. Without `xs` the number of steps is
    `length`, which may be a named dim.

    The body is called once, while the graph is built, and stays a loop: building, differentiating and
    compiling take no longer for more steps. What it reads of the graph outside (parameters, inputs) is the
    same in each step. There are derivatives of every order, in both modes; reverse mode keeps what it needs
    of each step.

    Raises ShapeError where a carry changes its shape or the first axes of `xs` differ, DTypeError where it
    changes its dtype, GraphError where it changes its structure, and for a body that updates state or draws
    random numbers.

    >>> import irgraph as ig
    >>> x = ig.input("x", ("time", 3))
    >>> total, sums = scan(lambda s, x: (s + x, s + x), ig.zeros((3,)), x)
    >>> sums
    <a result of scan : float32[time, 3]>
    >>> print(ig.evaluate(sums, x=[[1, 0, 1], [2, 0, 1], [3, 0, 1]]))
    [[1. 0. 1.]
     [3. 0. 2.]
     [6. 0. 3.]]
    """
    starts = [_value(each, place("init", path)) for path, each in leaves(init)]
    stacked = [(path, _value(each, place("xs", path))) for path, each in leaves(xs)]
    loop = Loop(_length(stacked, length), reverse)
    carries = [loop.carry(start) for start in starts]
    steps = [loop.x(value) for _, value in stacked]
    with forbidding_updates(_DRAW):
        returned: Any = body(rebuilt(init, iter(carries)), rebuilt(xs, iter(steps)))
    if not isinstance(returned, tuple) or len(returned) != 2:
        do = "Return (carry, None) where a step makes nothing else."
        raise GraphError(explain(f"{returned!r} from the body", "a pair (new carry, y)", here(), do))
    new = _new_carries(init, carries, returned[0])
    ys = [_value(each, place("y", path)) for path, each in leaves(returned[1])]
    outputs = iter(loop.close(new, ys).outputs)
    return rebuilt(init, outputs), rebuilt(returned[1], outputs)


def _value(written: Any, what: str) -> Value:
    try:
        return as_value(written)
    except (TypeError, ValueError) as error:
        if isinstance(error, DTypeError):
            raise
        raise DTypeError(explain(f"{written!r} as {what}", "a value, a number or an array", here())) from None


def _length(stacked: list[tuple[Any, Value]], length: Any) -> Size:
    """The number of steps. Raises ShapeError where it is not known, or not the same everywhere."""
    found: Size | None = None if length is None else as_shape(length)[0]
    first = "length"
    for path, value in stacked:
        where = place("xs", path)
        if not value.ndim:
            raise ShapeError(explain(f"{value!r} as {where}", "at least one axis, to scan over", here()))
        common = value.shape[0] if found is None else same_size(found, value.shape[0])
        if common is None:
            raise ShapeError(
                explain(f"{found} steps by {first} and {value!r} as {where}", "one length", here())
            )
        found, first = common, where if found is None else first
    if found is None:
        raise ShapeError(explain("a scan without xs", "its number of steps", here(), "Pass length=."))
    if isinstance(found, int) and found < 0:
        raise ShapeError(explain(f"length={found}", "0 or more", here()))
    return found


def _new_carries(init: Any, carries: list[Value], returned: Any) -> list[Value]:
    """The values of the new carry. Raises where its structure or a type is not that of the first one."""
    found = leaves_like(init, returned, "carry")
    paths = [place("carry", path) for path, _ in leaves(init)]
    new = []
    for where, old, each in zip(paths, carries, found, strict=True):
        value = as_value(each, old.dtype) if is_scalar(each) else _value(each, where)
        fits = value.ndim == old.ndim and None not in [
            same_size(a, b) for a, b in zip(old.shape, value.shape, strict=False)
        ]
        if value.dtype != old.dtype or not fits:
            kind = ShapeError if value.dtype == old.dtype else DTypeError
            do = (
                "Cast the new one or init."
                if kind is DTypeError
                else "Give init the shape that the body makes."
            )
            at = f"{value.node.origin}: {value.node.origin.source}"
            raise kind(
                explain(f"{where} : {old.type}, which the body makes {value.type}", "one type", at, do)
            )
        new.append(value)
    return new
