"""Jacobians of every entry of a batch, against central differences; and which op lets entries meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, GraphError, NotDifferentiableError, ShapeError
from tests.marked_lines import marked_line

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng


def fixed(seed: int, *shape: int) -> ig.Value:
    return ig.constant(RNG(seed).standard_normal(shape))


def cnn(x: ig.Value) -> ig.Value:
    """Two convolutions with relu and pooling, then a dense layer."""
    h = ig.max_pool(ig.relu(ig.conv(x, fixed(1, 3, 2, 3, 3), fixed(2, 3), padding=1)), 2)
    h = ig.relu(ig.conv(h, fixed(3, 4, 3, 2, 2), stride=1))
    return h.reshape(x.shape[0], 4 * 2 * 1) @ fixed(4, 8, 3)


def attention(x: ig.Value) -> ig.Value:
    """Sequences of 3 vectors of 4: one head, and a layer on all positions as one long batch."""
    q, k = x @ fixed(5, 4, 4), x @ fixed(6, 4, 4)
    h = ig.softmax(q @ k.transpose(0, 2, 1), -1) @ x
    h = ig.tanh(h.reshape(x.shape[0] * 3, 4) @ fixed(7, 4, 2))
    return h.reshape(x.shape[0], 3, 2)


def spheres(x: ig.Value) -> ig.Value:
    """Matrices that depend on the entry, factored and solved with."""
    rows = x.reshape(x.shape[0], 2, 2)
    square = rows @ rows.transpose(0, 2, 1) + ig.constant(np.eye(2))
    low = ig.linalg.cholesky(square)
    return ig.linalg.solve(low, rows)[:, 1]


MODELS: dict[str, tuple[Callable[[ig.Value], ig.Value], tuple[int, ...]]] = {
    "cnn": (cnn, (2, 6, 4)),
    "attention": (attention, (3, 4)),
    "matrices": (spheres, (4,)),
    "elementwise": (lambda x: ig.sin(x) * x, (3,)),
    "scalar": (lambda x: (x * x).sum(axis=1), (3,)),
    "on its side": (lambda x: (fixed(8, 2, 3) @ ig.tanh(x).T).T, (3,)),
    "layer norm": (lambda x: ig.layer_norm(x, ig.ones(5, "float64"), ig.zeros(5, "float64")), (5,)),
    "sorted": (lambda x: ig.cumsum(ig.sort(x, 1), 1) ** 2, (4,)),
    "largest": (lambda x: ig.max(x, 1) * ig.logsumexp(x, 1), (4,)),
    "depthwise": (lambda x: ig.conv(ig.sin(x), fixed(9, 4, 1, 2), groups=2), (2, 5)),
    "upsampled": (lambda x: ig.resize(ig.tanh(x), scale=2, mode="linear"), (1, 3, 2)),
    "transposed": (lambda x: ig.conv_transpose(ig.tanh(x), fixed(10, 2, 3, 2), stride=2), (2, 3)),
    "average": (lambda x: ig.average_pool(x * x, 2, 1), (2, 4)),
    "parts": (lambda x: ig.concatenate([x[:, 1:] * x[:, :-1], ig.flip(x, 1)], 1), (4,)),
}


def slopes(function: ig.Function, array: Array) -> Array:
    """Central differences, entry by entry: every entry of the batch moves at once."""
    columns = []
    for place in np.ndindex(array.shape[1:]):
        step = np.zeros(array.shape)
        step[(slice(None), *place)] = 1e-6
        columns.append((function(x=array + step) - function(x=array - step)) / 2e-6)
    stacked = np.stack(columns, -1)
    return stacked.reshape(stacked.shape[:-1] + array.shape[1:])


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("name", MODELS)
def test_each_entry_has_its_jacobian(name: str, mode: Any) -> None:
    model, shape = MODELS[name]
    x = ig.input("x", ("n", *shape), "float64")
    y = model(x)
    J = ig.batch_jacobian(y, x, mode)
    assert J.shape == (*y.shape, *shape)
    function, values = ig.compile(J, verify=True), ig.compile(y)
    for n in (4, 1):
        array = RNG(n).standard_normal((n, *shape))
        fed = {"x": array} if function.graph.inputs else {}
        np.testing.assert_allclose(function(**fed), slopes(values, array), atol=2e-8)


def test_the_blocks_are_those_of_the_whole_jacobian() -> None:
    x = ig.input("x", (3, 2, 6, 4), "float64")
    y = cnn(x)
    array = RNG(0).standard_normal((3, 2, 6, 4))
    whole, blocks = ig.compile([ig.jacobian(y, x, format="dense"), ig.batch_jacobian(y, x)])(x=array)
    for n in range(3):
        for m in range(3):
            wanted = blocks[n] if n == m else np.zeros_like(blocks[n])
            np.testing.assert_allclose(whole[n, :, m], wanted, atol=1e-12)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_towards_filters(mode: Any) -> None:
    x, w = ig.constant(RNG(1).standard_normal((3, 2, 5))), ig.input("w", (4, 1, 2), "float64")
    h = ig.max_pool(ig.tanh(ig.conv(x, w, groups=2)), 2)
    J = ig.compile(ig.jacobian(h, w, mode), verify=True)
    values, array = ig.compile(h), RNG(2).standard_normal((4, 1, 2))
    dense = J(w=array).todense()
    for place in np.ndindex(array.shape):
        step = np.zeros(array.shape)
        step[place] = 1e-6
        wanted = (values(w=array + step) - values(w=array - step)) / 2e-6
        np.testing.assert_allclose(dense[(..., *place)], wanted, atol=1e-8)


def test_a_convolution_is_not_unrolled() -> None:
    """One convolution for all directions, whatever their number."""
    x = ig.input("x", ("n", 2, 6, 4), "float64")
    for mode in ("forward", "reverse"):
        graph = ig.compile(ig.batch_jacobian(cnn(x), x, mode)).program.graph
        assert sum("conv" in node.op.name for node in graph.nodes) <= 4


def test_the_jacobian_of_max_pool_is_sparse() -> None:
    x = ig.input("x", (2, 1, 4, 6), "float64")
    array = RNG(3).standard_normal((2, 1, 4, 6))
    matrix = ig.compile(ig.jacobian(ig.max_pool(x, 2), x, format="sparse"))(x=array)
    assert matrix.nnz == 12
    wanted = array.reshape(2, 1, 2, 2, 3, 2).max(axis=(3, 5)).ravel()
    np.testing.assert_array_equal(matrix @ array.ravel(), wanted)


# ------------------------------------------------------------------------------------- refusals


def _mean(x: ig.Value) -> ig.Value:
    h = ig.tanh(x)
    shift = h.mean(axis=0)  # here
    return h - shift


def _rolled(x: ig.Value) -> ig.Value:
    h = ig.tanh(x)
    h = ig.roll(h, 1, 0)  # here
    return h * 2.0


def _normalized(x: ig.Value) -> ig.Value:
    mean, variance = ig.state("mean", (3,), "float64"), ig.state("variance", (3,), "float64")
    one, zero = ig.ones(3, "float64"), ig.zeros(3, "float64")
    h = ig.batch_norm(x * 2.0, one, zero, mean, variance, training=True)  # here
    return ig.relu(h)


def _among_entries(x: ig.Value) -> ig.Value:
    return (x @ x.T) @ x  # here


def _reversed(x: ig.Value) -> ig.Value:
    return ig.flip(ig.sin(x), 0)  # here


def _softmax(x: ig.Value) -> ig.Value:
    return ig.softmax(x, 0)  # here


def _sorted(x: ig.Value) -> ig.Value:
    return ig.sort(x, 0)  # here


def _cumsum(x: ig.Value) -> ig.Value:
    return ig.cumsum(x, 0) + x  # here


MIXING: dict[Callable[[ig.Value], ig.Value], str] = {
    _mean: "mean",
    _rolled: "",
    _normalized: "mean",
    _among_entries: "matmul",
    _reversed: "slice",
    _softmax: "softmax",
    _sorted: "sort",
    _cumsum: "cumsum",
}


@pytest.mark.parametrize("model", MIXING, ids=lambda model: model.__name__.strip("_"))
@pytest.mark.parametrize("batch", [4, "n"])
def test_the_op_that_lets_entries_meet_is_named(model: Callable[[ig.Value], ig.Value], batch: Any) -> None:
    x = ig.input("x", (batch, 3), "float64")
    y = model(x)
    with pytest.raises(GraphError) as caught:
        ig.batch_jacobian(y, x)
    place, text = marked_line(model)
    message = str(caught.value)
    assert f"{__file__}:{place}: {text}" in message
    assert f"found {MIXING[model]}" in message
    assert "an entry depends on others of the batch" in message


def test_a_batch_on_another_axis() -> None:
    x = ig.input("x", (3, 3))
    with pytest.raises(GraphError, match=r"whose axis 0 is not that of <x (?s:.*)Move the axis"):
        ig.batch_jacobian(ig.sin(x).T, x)


def test_refusals() -> None:
    x, n = ig.input("x", ("n", 3)), ig.input("i", ("n", 3), "int64")
    with pytest.raises(ShapeError, match="one batch, as the first axis of both"):
        ig.batch_jacobian(x.sum(), x)
    with pytest.raises(ShapeError, match="one batch"):
        ig.batch_jacobian(x.T, x)
    with pytest.raises(DTypeError, match=r"\[1.0\] as y; needed a graph value"):
        ig.batch_jacobian([1.0], x)  # type: ignore[arg-type]
    with pytest.raises(NotDifferentiableError, match="a float dtype"):
        ig.batch_jacobian(n * 2, n)
    with pytest.raises(NotDifferentiableError, match="has no derivative"):
        ig.batch_jacobian(ig.stop_gradient(x), x)
    with pytest.raises(GraphError, match="mode='sideways'; needed one of auto, forward, reverse"):
        ig.batch_jacobian(x, x, "sideways")  # type: ignore[arg-type]
