"""Layers that are fitted to data: their statistics, and where these live; scikit-learn is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import FeedError, GraphError, ShapeError
from irgraph.nn import Dense, QuantileNormalize, RBFFeatures, Sequential, Standardize
from irgraph.printing import parse, to_text

preprocessing = pytest.importorskip("sklearn.preprocessing")
stats = pytest.importorskip("scipy.stats")

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(0)
DATA: Array = RANDOM.normal(size=(60, 4)) * [1.0, 5.0, 0.1, 30.0] + [0.0, 3.0, -2.0, 100.0]
MORE: Array = RANDOM.normal(size=(25, 4)) * [2.0, 9.0, 0.2, 50.0] + [0.0, 3.0, -2.0, 100.0]
TIED: Array = np.round(DATA / DATA.std(0))  # few values, each many times


def run(layer: Callable[[ig.Value], ig.Value], x: Array, dtype: str = "float64") -> Array:
    value = ig.input("x", ("batch", *x.shape[1:]), dtype)
    result: Array = ig.compile(layer(value))(x=x.astype(dtype))
    return result


def nan_at(row: int, column: int) -> Array:
    data = DATA.copy()
    data[row, column] = np.nan
    return data


# ------------------------------------------------------------------------------------- standardize


def test_standardize_is_scikit_learns() -> None:
    oracle = preprocessing.StandardScaler().fit(DATA)
    layer, low = Standardize().fit(DATA), Standardize().fit(DATA)
    np.testing.assert_allclose(run(layer, MORE), oracle.transform(MORE), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(run(low, MORE, "float32"), oracle.transform(MORE), rtol=1e-4, atol=1e-5)
    back = run(layer.inverse, MORE)
    np.testing.assert_allclose(back, oracle.inverse_transform(MORE), rtol=1e-12)


def test_a_stream_of_batches_gives_the_statistics_of_all() -> None:
    whole, stream = Standardize(name="s").fit(DATA), Standardize(name="s")
    assert stream.fit(batch for batch in np.split(DATA + 1e6, [1, 7, 7, 40])) is stream
    f, g = (ig.compile(layer(ig.input("x", ("batch", 4), "float64"))) for layer in (whole, stream))
    np.testing.assert_allclose(g.state["s.mean"], f.state["s.mean"] + 1e6, rtol=1e-12)
    np.testing.assert_allclose(g.state["s.std"], f.state["s.std"], rtol=1e-8)
    assert g.state["s.count"] == 60


@pytest.mark.parametrize("axis", [1, (1, 3), None, -1])
def test_any_axes_have_statistics_of_their_own(axis: Any) -> None:
    images = RANDOM.normal(3.0, 2.0, (10, 3, 4, 5))
    kept = {1: (0, 2, 3), (1, 3): (0, 2), None: (0, 1, 2, 3), -1: (0, 1, 2)}[axis]
    expected = (images - images.mean(kept, keepdims=True)) / images.std(kept, keepdims=True)
    layer = Standardize(axis).fit(images)
    np.testing.assert_allclose(run(layer, images), expected, atol=1e-12)


def test_targets_are_standardized_and_predictions_brought_back() -> None:
    y = RANDOM.normal(50.0, 3.0, 100)
    scale = Standardize(axis=None).fit(y)
    assert abs(run(scale, y).std() - 1) < 1e-12
    np.testing.assert_allclose(run(lambda x: scale.inverse(scale(x)), y), y)


def test_the_way_back_is_a_layer_of_the_model() -> None:
    target, own = Standardize(axis=None).fit([1.0, 5.0]), Standardize().fit(DATA)
    model = Sequential([own, Dense(4), own.inverse, lambda x: x[:, 0], target.inverse], name="net")
    y = model(ig.input("x", ("batch", 4)))
    assert {path.rpartition(".")[0] for path in model.states} == {"net.0", "net.4.of"}
    f = ig.compile(y)
    f.state["net.1.w"] = np.eye(4)
    np.testing.assert_allclose(f(x=MORE.astype("float32")), MORE[:, 0] * 2 + 3, rtol=1e-4, atol=1e-4)


def test_a_constant_column_becomes_zero() -> None:
    data = np.column_stack([DATA[:, 0], np.full(60, 0.1), np.full(60, 1e9 / 3)])
    layer = Standardize(name="s").fit(data)
    result = run(layer, data)
    np.testing.assert_allclose(result, preprocessing.StandardScaler().fit_transform(data), atol=1e-6)
    np.testing.assert_allclose(result[:, 1:], 0, atol=1e-6)


# --------------------------------------------------------------------------------------- quantiles


@pytest.mark.parametrize(("data", "quantiles"), [(DATA, 2), (DATA, 7), (DATA, 60), (TIED, 2), (TIED, 7)])
@pytest.mark.parametrize("output", ["uniform", "normal"])
def test_quantile_normalize_is_scikit_learns(data: Array, output: Any, quantiles: int) -> None:
    oracle = preprocessing.QuantileTransformer(
        n_quantiles=quantiles, output_distribution=output, subsample=None
    ).fit(data)
    layer = QuantileNormalize(quantiles, output).fit(data)
    new = np.concatenate([data, np.round(MORE, 1), MORE])
    np.testing.assert_allclose(run(layer, new), oracle.transform(new), atol=1e-6)
    shares = oracle.transform(new)
    np.testing.assert_allclose(run(layer.inverse, shares), oracle.inverse_transform(shares), atol=1e-6)


def test_values_that_repeat_get_the_middle_of_their_shares() -> None:
    """By ranks: a quantile for each example. scikit-learn's quantiles are rounded off the data here."""
    shares = (stats.rankdata(TIED, axis=0) - 1) / 59
    shares = np.where(TIED.min(0) == TIED, 0, np.where(TIED.max(0) == TIED, 1, shares))
    np.testing.assert_allclose(run(QuantileNormalize(60).fit(TIED), TIED), shares, atol=1e-12)


def test_quantiles_of_a_stream_and_of_a_constant_column() -> None:
    data = np.column_stack([DATA[:, 0], np.full(60, 3.0)])
    layer = QuantileNormalize(20).fit(iter(np.split(data, 4)))
    result = run(layer, data)
    assert not result[:, 1].any()
    np.testing.assert_allclose(np.sort(result[:, 0]), np.linspace(0, 1, 60), atol=0.05)


# --------------------------------------------------------------------- where the statistics live


def test_a_state_made_after_fitting_has_the_statistics() -> None:
    model = Sequential([Standardize(), Dense(2)], name="net")
    y = model(ig.input("x", ("batch", 4)))
    model.layers[0].fit(DATA)  # type: ignore[attr-defined]
    f = ig.compile(y)
    np.testing.assert_allclose(f.state["net.0.mean"], DATA.mean(0), rtol=1e-5)
    assert list(model.parameters) == ["net.1.w", "net.1.b"]
    assert set(model.states) == {"net.0.mean", "net.0.std", "net.0.count"}


@pytest.mark.parametrize("layer", [Standardize, QuantileNormalize, lambda: RBFFeatures(5)])
def test_fitting_reaches_a_state_that_exists(layer: Callable[[], Any]) -> None:
    made = layer()
    value = ig.input("x", ("batch", 4))
    f = ig.compile(made(value))
    fed = DATA.astype("float32")
    before = {name: f.state[name] for name in f.state}
    with pytest.raises(FeedError, match=r"unfitted; needed its fit\(data\) before the state is made"):
        f(x=fed)
    assert all(np.array_equal(f.state[name], before[name]) for name in before)
    made.fit(DATA, state=f.state)
    assert np.isfinite(f(x=fed)).all()
    np.testing.assert_array_equal(ig.compile(made(value))(x=fed), f(x=fed))  # a new state has them too
    made.fit(DATA + 1, state=f.state)  # again
    np.testing.assert_array_equal(ig.compile(made(value), state=f.state)(x=fed), f(x=fed))


def test_a_model_that_is_built_anew_reads_the_state() -> None:
    value = ig.input("x", ("batch", 4), "float64")
    f = ig.compile(Standardize(name="scale").fit(DATA)(value))
    g = ig.compile(Standardize(name="scale")(value), state=f.state)
    np.testing.assert_array_equal(g(x=MORE), f(x=MORE))
    with pytest.raises(GraphError, match=r"state variable 'scale.mean', which starts from fitted"):
        ig.compile(Standardize(name="scale").fit(MORE)(value), state=f.state)  # by accident of one name


def test_an_unfitted_model_on_a_fitted_state_reads_it() -> None:
    fitted, fresh = (Standardize(name="scale") for _ in range(2))
    f = ig.compile(fitted.fit(DATA)(ig.input("x", ("batch", 4), "float64")))
    g = ig.compile(fresh(ig.input("x", ("batch", 4), "float64")))
    g.state.update({name: f.state[name] for name in f.state})
    np.testing.assert_array_equal(g(x=MORE), f(x=MORE))


def test_a_fitted_graph_is_text_and_back() -> None:
    layer = Standardize(name="scale").fit(DATA)
    graph = ig.Graph([layer(ig.input("x", ("batch", 4)))])
    again = parse(to_text(graph))
    assert again.structure() == graph.structure()
    layer.fit(MORE)
    assert again.structure() != graph.structure()  # the text holds what was fitted then


def test_fitting_to_other_data_changes_nothing() -> None:
    layer = Standardize(name="s").fit(DATA)
    f = ig.compile(layer(ig.input("x", ("batch", 4), "float64")))
    kept = f.state["s.mean"]
    with pytest.raises(ShapeError, match=r"'s.mean' of shape \(2,\)"):
        layer.fit(DATA[:, :2], state=f.state)
    with pytest.raises(FeedError, match="found nan"):
        layer.fit(nan_at(0, 0), state=f.state)
    other = ig.compile(ig.parameter("w", (1,)) * 2.0).state
    with pytest.raises(GraphError, match=r"a state without 's.mean'; needed one with this layer"):
        layer.fit(MORE, state=other)
    np.testing.assert_array_equal(f.state["s.mean"], kept)
    np.testing.assert_array_equal(
        ig.compile(layer(ig.input("x", ("batch", 4), "float64"))).state["s.mean"], kept
    )
