"""Second derivatives: Hessians, their diagonals, and products with them.

A Hessian is the Jacobian of the gradient: the gradient is a graph as any other, so its Jacobian is
accumulated in the order that costs least, and keeps its structure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..autodiff.forward import jvp
from ..autodiff.reverse import Disconnected, check_directions, grad, vjp
from ..autodiff.structure import Tree, flatten, rebuild
from ..errors import DTypeError, GraphError, NotDifferentiableError, ShapeError, explain
from ..local_jacobian import Labels, labels, term
from ..ops.reduce import sum
from ..origin import carrying, here
from ..types import format_shape
from ..value import Value
from .api import planned, results
from .diagonals import diagonal
from .options import Format, Mode, PlanOptions, Request
from .result import Jacobian


def hessian(
    loss: Value,
    wrt: Tree,
    mode: Mode = "auto",
    format: Format = "auto",
    memory: int | None = None,
    options: PlanOptions | None = None,
    disconnected: Disconnected = "raise",
) -> Any:
    """The second derivatives of a scalar towards `wrt`: the Jacobian of its gradient.

    A `Jacobian` of shape `wrt.shape + wrt.shape`, or with `format="dense"` an ordinary value; for lists and
    dicts nested twice: `hessian(loss, {"w": w, "b": b})["w"]["b"]` has shape `w.shape + b.shape`. `mode`,
    `format`, `memory` and `options` are as in `jacobian`. A second derivative that is zero is zero, not an
    error.

    Raises ShapeError if the loss is not scalar, and NotDifferentiableError for dtypes other than floats,
    where a path needs a derivative that does not exist, and if no derivative flows from the loss to some
    value of `wrt` (`disconnected="zero"`: zeros instead).

    >>> from irgraph import constant, evaluate, input
    >>> x, A = input("x", (2,)), constant([[1.0, 2.0], [0.0, 3.0]])
    >>> evaluate(hessian(x @ (A @ x), x, format="dense"))
    array([[2., 2.],
           [2., 6.]], dtype=float32)
    """
    gradient = _gradient(loss, wrt, disconnected)
    made = planned(
        flatten(gradient, "y"),
        flatten(wrt, "wrt"),
        Request(mode, format, memory, options or PlanOptions()),
        zeros=True,
    )
    return results(gradient, wrt, made)


def hessian_diagonal(loss: Value, wrt: Tree, disconnected: Disconnected = "raise") -> Any:
    """The second derivatives of a scalar along each element of `wrt`, in the structure and shapes of `wrt`.

    Exact, and the Hessian is not formed: its last product is contracted on the diagonal alone. For the sum
    of a function of each row of a batch it is that of each row. Raises as `hessian` does.

    >>> from irgraph import evaluate, input
    >>> x = input("x", (3,))
    >>> evaluate(hessian_diagonal((x * x * x).sum(), x), x=[1.0, 2.0, 3.0])
    array([ 6., 12., 18.], dtype=float32)
    """
    gradient = _gradient(loss, wrt, disconnected)
    pairs = zip(flatten(gradient, "y"), flatten(wrt, "wrt"), strict=True)
    return rebuild(wrt, [diagonal(slope, source) for slope, source in pairs])


def laplacian(loss: Value, wrt: Tree, disconnected: Disconnected = "raise") -> Value:
    """The trace of the Hessian, a scalar: the sum of `hessian_diagonal` over all of `wrt`.

    For a function of each row of a batch take `hessian_diagonal(y.sum(), x).sum(axis=-1)`, which is the
    Laplacian of every row. Raises as `hessian` does.

    >>> from irgraph import evaluate, input
    >>> x = input("x", (3,))
    >>> evaluate(laplacian((x * x * x).sum(), x), x=[1.0, 2.0, 3.0])
    array(36., dtype=float32)
    """
    if not flatten(wrt, "wrt"):
        raise GraphError(explain("an empty wrt", "one value at least", here()))
    first, *rest = flatten(hessian_diagonal(loss, wrt, disconnected), "wrt")
    with carrying(here().derived("tangent")):
        total = sum(first)
        for each in rest:
            total = total + sum(each)
    return total


def hvp(loss: Value, wrt: Tree, v: Tree, disconnected: Disconnected = "raise") -> Any:
    """The Hessian of a scalar times `v` (shaped as `wrt`), in the structure of `wrt`.

    Forward mode over reverse mode (Pearlmutter, 1994): about the cost of two gradients, and no Hessian is
    formed. Raises as `hessian` does, and ShapeError where `v` is not of the types of `wrt`.

    >>> from irgraph import constant, evaluate, input
    >>> x, v = input("x", (2,)), constant([1.0, 10.0])
    >>> evaluate(hvp((x * x * x).sum(), x, v), x=[1.0, 2.0])
    array([  6., 120.], dtype=float32)
    """
    check_directions(flatten(wrt, "wrt"), flatten(v, "v"), "vector")
    return jvp(_gradient(loss, wrt, disconnected), wrt, v)


def gauss_newton_product(
    outputs: Tree, wrt: Tree, v: Tree, loss: Value | None = None, hessian: Any = None
) -> Any:
    """`Jᵀ H J v` in the structure of `wrt`: J is the Jacobian of `outputs` towards `wrt`, H the Hessian of a
    loss towards `outputs`.

    H is that of `loss`, a scalar computed from `outputs`, or is given as `hessian`: a `Jacobian` or a value
    of shape `outputs.shape + outputs.shape`, nested as `irgraph.hessian(loss, outputs)` is. Without either
    it is the identity, as for half a sum of squares. Where H is positive semidefinite the product is, too
    (Schraudolph, 2002). It costs about as much as two gradients; neither matrix is formed.

    Raises ShapeError where `v` is not of the types of `wrt`, the loss not scalar or H of another shape,
    GraphError for both a loss and H, DTypeError for what is no graph value, and NotDifferentiableError as
    `grad` does, also for a loss that is not computed from `outputs`.

    >>> from irgraph import constant, evaluate, input
    >>> w, v = input("w", (2,)), constant([1.0, 1.0])
    >>> X = constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> evaluate(gauss_newton_product(X @ w, w, v))
    array([ 79., 100.], dtype=float32)
    """
    check_directions(flatten(wrt, "wrt"), flatten(v, "v"), "vector")
    if loss is not None and hessian is not None:
        raise GraphError(explain("a loss and a Hessian", "one of them, or none", here()))
    pushed = jvp(outputs, wrt, v)
    if loss is not None:
        pushed = _through_loss(loss, outputs, pushed)
    elif hessian is not None:
        pushed = _times(hessian, outputs, flatten(pushed, "outputs"))
    return vjp(outputs, wrt, pushed)


def _gradient(loss: Value, wrt: Tree, disconnected: Disconnected) -> Any:
    if not isinstance(loss, Value):
        raise DTypeError(explain(f"{loss!r} as the loss", "a graph value, a scalar", here()))
    if loss.ndim:
        raise ShapeError(
            explain(
                f"the second derivatives of {loss!r}",
                "a scalar",
                here(),
                "Reduce it, e.g. with .sum(), or take irgraph.jacobian of its Jacobian.",
            )
        )
    return grad(loss, wrt, disconnected)


def _through_loss(loss: Value, outputs: Tree, pushed: Tree) -> Any:
    try:
        return hvp(loss, outputs, pushed)
    except NotDifferentiableError as error:
        needed = "one that is computed from them"
        found = f"{loss!r} as the loss, which has no second derivatives towards the outputs"
        raise NotDifferentiableError(
            explain(found, needed, here(), "Build it on those very values.")
        ) from error


def _times(hessian: Any, outputs: Tree, vectors: Sequence[Value]) -> Any:
    """The product of a nested Hessian with what is shaped as the outputs."""
    values = flatten(outputs, "outputs")
    blocks = _leaves(hessian)
    if len(blocks) != len(values) ** 2:
        found = f"a Hessian of {len(blocks)} blocks for {len(values)} outputs"
        raise ShapeError(explain(found, f"{len(values) ** 2} blocks", here()))
    rows = [blocks[n : n + len(values)] for n in range(0, len(blocks), len(values))]
    made = []
    for row, output in zip(rows, values, strict=True):
        parts = [_block(b, output, x) @ v for b, x, v in zip(row, values, vectors, strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        made.append(total)
    return rebuild(outputs, made)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, Mapping | list | tuple):
        leaves = tree.values() if isinstance(tree, Mapping) else tree
        return [leaf for each in leaves for leaf in _leaves(each)]
    return [tree]


def _block(block: Any, output: Value, input: Value) -> Jacobian:
    """A block of a Hessian as a Jacobian of one value towards another. Raises ShapeError if it is none."""
    shape = output.shape + input.shape
    if isinstance(block, Value) and block.shape == shape:
        at = labels(block)
        whole = term(Labels(at[: output.ndim]), Labels(at[output.ndim :]), (block, at))
        return Jacobian(whole, output.type, input.type, "dense")
    if isinstance(block, Jacobian) and block.shape == shape:
        return block
    if not isinstance(block, Value | Jacobian):
        needed = f"graph values or Jacobians of shape {format_shape(shape)}"
        raise DTypeError(
            explain(f"{block!r} in a Hessian", needed, here(), "irgraph.constant makes a value.")
        )
    raise ShapeError(explain(f"{block!r} in a Hessian", f"shape {format_shape(shape)}", here()))
