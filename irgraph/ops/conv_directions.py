"""Many directions through a convolution at once: they lie beside one axis, as more images or channels."""

from __future__ import annotations

from collections.abc import Callable

from ..dims import product
from ..local_jacobian import Labels, Map, Terms, term
from ..value import Value
from .arrange import permuted, reshaped

Apply = Callable[[Value], Value]


def beside(push: Apply, pull: Apply, out: Labels, in_: Labels, axes: tuple[int, int], same: bool) -> Terms:
    """The terms of a linear map with an axis of any length, the two of `axes` on its sides.

    The map ties this axis and is the same along it, or with `same=False` one that differs from group to
    group; then it does not tie axes of different sizes, which are the channels of one group and of all.
    """
    at, at_in = axes
    tied = out[at].size == in_[at_in].size
    if tied:
        in_ = Labels(out[at] if axis == at_in else label for axis, label in enumerate(in_))
    left = Labels((*([] if tied else [out[at]]), *out.drop([at])))
    right = Labels((*([] if tied else [in_[at_in]]), *in_.drop([at_in])))
    return term(
        out,
        in_,
        Map(
            lambda t, lead: _folded(push, t, lead, at_in, at, same),
            lambda c, lead: _folded(pull, c, lead, at, at_in, same),
            left,
            right,
            Labels(() if same or not tied else (out[at],)),
        ),
    )


def _folded(apply: Apply, t: Value, lead: int, source: int, target: int, same: bool) -> Value:
    """`apply` for each of the directions t, which lie along axis `source` of what it takes and `target` of
    what it gives. Where it is not the same along the axis, t has that too, next after the leading ones.
    """
    leading, count = t.shape[:lead], product(t.shape[:lead])
    size, rest = (1, t.shape[lead:]) if same else (t.shape[lead], t.shape[lead + 1 :])
    x = permuted(reshaped(t, (count, size, *rest)), (1, 0, *range(2, 2 + len(rest))))
    y = _moved(apply(_moved(reshaped(x, (size * count, *rest)), 0, source)), target, 0)
    kept = 1 if same else y.shape[0] // count
    y = permuted(reshaped(y, (kept, count, *y.shape[1:])), (1, 0, *range(2, 1 + y.ndim)))
    return reshaped(y, (*leading, *([] if same else [kept]), *y.shape[2:]))


def _moved(x: Value, source: int, target: int) -> Value:
    order = [axis for axis in range(x.ndim) if axis != source]
    order.insert(target, source)
    return permuted(x, order)
