"""Optimizers around optimizers: gradients of several steps, groups of parameters, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import optim
from irgraph.errors import GraphError
from tests.marked_lines import must_say

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
SIZES = (3, 5, 4, 2)


def start(dtype: str = "float64") -> Arrays:
    random = np.random.default_rng(3)
    found: Arrays = {}
    for n in range(3):
        found[f"{n}.w"] = random.normal(size=SIZES[n : n + 2]).astype(dtype)
        found[f"{n}.b"] = random.normal(size=SIZES[n + 1]).astype(dtype) * np.dtype(dtype).type(0.1)
    return found


def parameters(dtype: str = "float64") -> dict[str, ig.Value]:
    return {name: ig.parameter(name, array.shape, dtype, init=array) for name, array in start(dtype).items()}


def mlp(optimizer: optim.Optimizer, dtype: str = "float64", l2: float = 0.0) -> ig.Function:
    """Two tanh layers and a linear one, mean squared error, perhaps with a penalty on every weight."""
    p, x, y = parameters(dtype), ig.input("x", ("n", 3), dtype), ig.input("y", ("n", 2), dtype)
    h = ig.tanh(x @ p["0.w"] + p["0.b"])
    h = ig.tanh(h @ p["1.w"] + p["1.b"])
    loss = ig.losses.squared_error(h @ p["2.w"] + p["2.b"], y)
    if l2:
        loss = loss + l2 * sum((w * w).sum() for name, w in p.items() if name.endswith("w"))
    return ig.compile({"loss": loss}, updates=optimizer.minimize(loss), verify=True)


def batches(count: int, size: int = 8, dtype: str = "float64") -> list[dict[str, Any]]:
    random = np.random.default_rng(4)
    return [
        {"x": random.normal(size=(size, 3)).astype(dtype), "y": random.normal(size=(size, 2)).astype(dtype)}
        for _ in range(count)
    ]


def assert_same(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    for name in start():
        np.testing.assert_allclose(found[name], expected[name], tolerance, tolerance, err_msg=name)


# ------------------------------------------------------------------------------------- accumulate

INNER: dict[str, optim.Optimizer] = {
    "sgd": optim.SGD(0.1),
    "momentum, falling": optim.Momentum(optim.exponential(0.1, 0.5)),
    "adam, clipped": optim.Adam(0.01, clip=optim.clip_by_global_norm(0.1)),
    "adamw": optim.AdamW(0.01),
    "nadam": optim.Nadam(optim.warmup(2, 0.01)),
    "rmsprop": optim.RMSProp(0.01, momentum=0.5, centered=True),
}


@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_small_batches_are_one_large_batch(name: str, steps: int) -> None:
    small, large = mlp(optim.accumulate(INNER[name], steps)), mlp(INNER[name])
    for whole in batches(5, 6 * steps):
        before = {key: small.state[key] for key in small.state}
        for n in range(steps):
            for key in large.state:
                np.testing.assert_array_equal(small.state[key], before[key], err_msg=key)
            assert small.state["accumulated"] == n
            small(x=whole["x"][6 * n : 6 * n + 6], y=whole["y"][6 * n : 6 * n + 6])
        large(**whole)
        for key in large.state:
            np.testing.assert_allclose(small.state[key], large.state[key], 1e-12, 1e-14, err_msg=key)
        assert not any(small.state[f"{key}/sum"].any() for key in start())


def test_accumulation_is_exact_where_sums_are() -> None:
    """Integers in float32: bit for bit."""
    w = ig.parameter("w", (3,), init=1.0)
    loss = (ig.input("x", ("n", 3)) * w).mean(0).sum()
    one = ig.compile(loss, updates=optim.Adam(0.1).minimize(loss))
    four = ig.compile(loss, updates=optim.accumulate(optim.Adam(0.1), 4).minimize(loss))
    x = np.random.default_rng(0).integers(-8, 8, (3, 32, 3)).astype("float32")
    for batch in x:
        one(x=batch)
        for part in np.split(batch, 4):
            four(x=part)
        assert one.state["w"].tobytes() == four.state["w"].tobytes()


def test_sums_of_low_precision_are_in_float32() -> None:
    w = ig.parameter("w", (), "float16")
    loss = w * ig.input("x", (), "float16")
    step = ig.compile(loss, updates=optim.accumulate(optim.SGD(1.0), 3).minimize(loss))
    for x in (2048.0, 1.0, 1.0):  # 2048 + 1 is 2048 in float16
        step(x=np.float16(x))
    assert step.state["w"] == np.float16(-2050 / 3)
    assert step.state["w/sum"].dtype == np.float32


# ----------------------------------------------------------------------------------------- groups


def test_groups_are_each_their_own_optimizer() -> None:
    """Against two optimizers that each train what is theirs."""
    both = optim.groups(
        {"*.b": optim.Adam(0.02, name="biases"), "0.*": optim.SGD(0.0, name="fixed"), "*": optim.SGD(0.1)}
    )
    step, apart = mlp(both), mlp_in_two()
    for batch in batches(6):
        step(**batch)
        apart(**batch)
    expected = {name: apart.state[name] for name in start()} | {"0.w": start()["0.w"]}
    assert_same(step.state, expected)
    assert {"biases/learning_rate", "fixed/learning_rate", "learning_rate", "biases/0.b/mean"} <= set(
        step.state
    )


def mlp_in_two() -> ig.Function:
    p, x, y = parameters(), ig.input("x", ("n", 3), "float64"), ig.input("y", ("n", 2), "float64")
    h = ig.tanh(ig.tanh(x @ p["0.w"] + p["0.b"]) @ p["1.w"] + p["1.b"])
    loss = ig.losses.squared_error(h @ p["2.w"] + p["2.b"], y)
    biases = optim.Adam(0.02, name="biases").minimize(loss, [p[f"{n}.b"] for n in range(3)])
    return ig.compile(loss, updates=biases + optim.SGD(0.1).minimize(loss, [p["1.w"], p["2.w"]]))


def test_groups_clip_all_gradients_together() -> None:
    norm = optim.clip_by_global_norm(0.05)
    one = mlp(optim.SGD(0.1, clip=norm))
    two = mlp(optim.groups({"*.w": optim.SGD(0.1, name="w"), "*": optim.SGD(0.1)}, clip=norm))
    for batch in batches(3):
        one(**batch)
        two(**batch)
    assert_same(two.state, one.state)


def test_groups_accumulate() -> None:
    both = optim.groups({"*.b": optim.SGD(0.2, name="b"), "*": optim.Adam(0.01)})
    small, large = mlp(optim.accumulate(both, 2)), mlp(both)
    for whole in batches(3, 8):
        for half in (slice(4), slice(4, 8)):
            small(x=whole["x"][half], y=whole["y"][half])
        large(**whole)
    assert_same(small.state, large.state)


# -------------------------------------------------------------------------------------- layerwise


def numpy_sweep(weights: Arrays, x: Array, y: Array, rate: float) -> None:
    """Steps 1 and 2 of the backpropagation algorithm, as the notes have them, for the network above.

    z⁽ᵏ⁾ are inputs of layers under the current weights. A layer's Jacobian towards its input is taken at z⁽ᵏ⁾
    and the new weights; the last layer is D(f⁽³⁾(z⁽³⁾, w⁽³⁾), y).
    """

    def f(k: int, z: Array) -> Array:
        found: Array = np.tanh(z @ weights[f"{k}.w"] + weights[f"{k}.b"])
        return found

    def slope(z: Array) -> Array:
        """The derivative of the mean squared error towards the network's result."""
        found: Array = 2 * (z @ weights["2.w"] + weights["2.b"] - y) / y.size
        return found

    def update(k: int, z: Array, before: Array) -> None:
        """A gradient step, `before` being the derivative towards z @ w + b."""
        weights[f"{k}.w"] = weights[f"{k}.w"] - rate * z.T @ before
        weights[f"{k}.b"] = weights[f"{k}.b"] - rate * before.sum(0)

    z1, z2 = x, f(0, x)
    z3 = f(1, z2)
    update(2, z3, slope(z3))
    back = slope(z3) @ weights["2.w"].T
    update(1, z2, back * (1 - f(1, z2) ** 2))
    back = (back * (1 - f(1, z2) ** 2)) @ weights["1.w"].T
    update(0, z1, back * (1 - f(0, z1) ** 2))


LAYERS: dict[str, Any] = {"by name": None, "by pattern": ["0.*", "1.*", "2.*"]}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_layer_by_layer_is_the_sweep_of_the_notes(layers: Any) -> None:
    step, plain = mlp(optim.layerwise(optim.SGD(0.5), layers)), mlp(optim.SGD(0.5))
    weights = start()
    for batch in batches(10):
        numpy_sweep(weights, batch["x"], batch["y"], 0.5)
        step(**batch)
        plain(**batch)
        assert_same(step.state, weights)
    assert abs(plain.state["0.w"] - step.state["0.w"]).max() > 1e-3  # the other way is another one


def test_the_last_layer_moves_as_it_does_in_one_sweep() -> None:
    (batch,) = batches(1)
    step, plain = mlp(optim.layerwise(optim.Adam(0.1))), mlp(optim.Adam(0.1))
    step(**batch)
    plain(**batch)
    for name in ("2.w", "2.b"):
        np.testing.assert_array_equal(step.state[name], plain.state[name])
    assert step.state["adam/step"] == 1


def test_at_a_rate_of_zero_gradients_are_those_of_one_sweep() -> None:
    """Then new weights are the old ones: also with a penalty on each layer, and a tie between two."""
    step = mlp(optim.layerwise(optim.Momentum(0.0)), l2=0.1)
    expected = mlp(optim.Momentum(0.0), l2=0.1)
    assert set(step.state) == set(expected.state)
    for build in (lambda o: mlp(o, l2=0.1), tied):
        step = build(optim.layerwise(optim.SGD(0.0, momentum=0.5)))
        expected = build(optim.SGD(0.0, momentum=0.5))
        for batch in batches(3):
            step(**batch)
            expected(**batch)
        for name in (name for name in step.state if name.endswith("velocity")):
            np.testing.assert_allclose(step.state[name], expected.state[name], 1e-12, 1e-14, err_msg=name)


def tied(optimizer: optim.Optimizer) -> ig.Function:
    """A skip past the middle layer, a weight used in the first and the last, noise and a running mean."""
    a = ig.parameter("a.w", (3, 3), "float64", init=np.eye(3) + 0.1)
    b = ig.parameter("b.w", (3, 3), "float64", init=np.full((3, 3), 0.3))
    c = ig.parameter("c.w", (3, 2), "float64", init=np.full((3, 2), 0.7))
    running = ig.state("running", (3,), "float64")
    x, y = ig.input("x", ("n", 3), "float64"), ig.input("y", ("n", 2), "float64")
    h = ig.tanh(x @ a)
    skip = ig.dropout(ig.tanh(h @ b) * h, 0.3, name="drop")
    skip = ig.with_update(skip, {running: 0.9 * running + skip.mean(0)})
    loss = ig.losses.squared_error((skip + h) @ a @ c, y)
    return ig.compile({"loss": loss}, updates=optimizer.minimize(loss), verify=True)


def test_what_travels_with_a_layer_is_updated_once() -> None:
    step = tied(optim.layerwise(optim.SGD(0.1)))
    plain = tied(optim.SGD(0.1))
    (batch,) = batches(1)
    step(**batch)
    plain(**batch)
    np.testing.assert_array_equal(step.state["running"], plain.state["running"])
    assert step.state["drop/step"] == plain.state["drop/step"] == 1


def test_layer_by_layer_with_groups_and_a_schedule() -> None:
    falling = optim.exponential(0.1, 0.9)
    both = optim.groups({"*.b": optim.Momentum(falling, name="b"), "*": optim.Momentum(falling)})
    apart, one = mlp(optim.layerwise(both)), mlp(optim.layerwise(optim.Momentum(falling)))
    for batch in batches(4):
        apart(**batch)
        one(**batch)
    assert_same(apart.state, one.state)
    assert apart.state["b/learning_rate/step"] == apart.state["learning_rate/step"] == 4


# -------------------------------------------------------------------------------------- ONNX, too

WRAPPED: dict[str, optim.Optimizer] = {
    "accumulate": optim.accumulate(optim.Adam(optim.cosine(0.05, 8)), 3),
    "groups": optim.groups({"*.b": optim.SGD(0.2, name="b"), "*": optim.Nadam(0.01)}),
    "layerwise": optim.layerwise(optim.RMSProp(0.01)),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_steps_in_onnx_runtime_are_those_of_numpy(name: str, tmp_path: Path) -> None:
    step = mlp(WRAPPED[name], "float32")
    ig.onnx.save(step, tmp_path / "step.onnx")
    run = ig.onnx.replay(tmp_path / "step.onnx")
    for batch in batches(10, dtype="float32"):
        np.testing.assert_allclose(run(**batch)["loss"], step(**batch)["loss"], 1e-5, 1e-5)
        for key, array in run.state.items():
            np.testing.assert_allclose(array, step.state[key], 1e-5, 1e-5, err_msg=key)


# ----------------------------------------------------------------------------------------- errors


def _no_group() -> None:
    mlp(optim.groups({"*.w": optim.SGD(0.1)}))  # here


def _idle_group() -> None:
    w = ig.parameter("w")
    optim.groups({"v": optim.SGD(0.1), "*": optim.SGD(0.1, name="b")}).minimize(w)  # here


def _names() -> None:
    optim.groups({"a": optim.SGD(0.1), "b": optim.Adam(0.1)})  # here


def _steps() -> None:
    optim.accumulate(optim.SGD(0.1), 0)  # here


def _no_optimizer() -> None:
    optim.accumulate(0.1, 2)  # type: ignore[arg-type]  # here


def _layer_within() -> None:
    w = ig.parameter("w")
    optim.accumulate(optim.layerwise(optim.SGD(0.1)), 2).minimize(w * w)  # here


def _sums_within() -> None:
    both = optim.groups({"*": optim.accumulate(optim.SGD(0.1), 2)})
    optim.layerwise(both)  # here


def _not_in_a_layer() -> None:
    a, b = ig.parameter("a"), ig.parameter("b")
    optim.layerwise(optim.SGD(0.1), [[a]]).minimize(a * b)  # here


def _in_two_layers() -> None:
    a, b = ig.parameter("a"), ig.parameter("b")
    optim.layerwise(optim.SGD(0.1), ["*", [b]]).minimize(a * b)  # here


def _empty_layer() -> None:
    a = ig.parameter("a")
    optim.layerwise(optim.SGD(0.1), ["a", "b"]).minimize(a * a)  # here


ERRORS: dict[Callable[[], None], tuple[str, ...]] = {
    _names: ("named '', ''; needed a name of its own",),
    _steps: ("gradients of 0 steps",),
    _idle_group: ("the group ['v'], of no parameter", "one of: w"),
    _no_optimizer: ("accumulate of 0.1; needed an optimizer",),
    _layer_within: ("layer by layer updates within another optimizer", "Write layerwise(groups(…))"),
    _sums_within: ("layerwise of an optimizer that sums gradients",),
    _not_in_a_layer: ("<b : float32[]> in 0 of the layers",),
    _in_two_layers: ("<b : float32[]> in 2 of the layers",),
    _empty_layer: ("the layer 'b', of no parameter",),
}


@pytest.mark.parametrize("build", ERRORS, ids=lambda build: str(build.__name__))
def test_errors_say_what_is_wrong(build: Callable[[], None]) -> None:
    with pytest.raises(GraphError) as caught:
        build()
    must_say(caught.value, build, __file__, ERRORS[build])


def test_a_parameter_in_no_group_is_named() -> None:
    with pytest.raises(GraphError, match=r"the parameter '0.b'; needed a group for it; there are '\*.w'"):
        _no_group()
