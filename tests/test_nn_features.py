"""Layers in front of a model: fitted statistics, feature maps, kernels; scikit-learn is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, FeedError, GraphError, ShapeError
from irgraph.nn import (
    Dense,
    FeatureMap,
    KernelFeatures,
    PolynomialFeatures,
    QuantileNormalize,
    RBFFeatures,
    Sequential,
    Standardize,
)
from irgraph.printing import parse, to_text
from irgraph.testing import check_derivatives

preprocessing = pytest.importorskip("sklearn.preprocessing")
stats = pytest.importorskip("scipy.stats")
pairwise = pytest.importorskip("sklearn.metrics.pairwise")

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(0)
DATA: Array = RANDOM.normal(size=(60, 4)) * [1.0, 5.0, 0.1, 30.0] + [0.0, 3.0, -2.0, 100.0]
MORE: Array = RANDOM.normal(size=(25, 4)) * [2.0, 9.0, 0.2, 50.0] + [0.0, 3.0, -2.0, 100.0]
TIED: Array = np.round(DATA / DATA.std(0))  # few values, each many times


def run(layer: Callable[[ig.Value], ig.Value], x: Array, dtype: str = "float64") -> Array:
    value = ig.input("x", ("batch", *x.shape[1:]), dtype)
    result: Array = ig.compile(layer(value))(x=x.astype(dtype))
    return result


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


# ------------------------------------------------------------------------------------ feature maps


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("interaction_only", [False, True])
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_polynomials_are_scikit_learns(degree: int, interaction_only: bool, bias: bool) -> None:
    oracle = preprocessing.PolynomialFeatures(degree, interaction_only=interaction_only, include_bias=bias)
    layer = PolynomialFeatures(degree, interaction_only=interaction_only, bias=bias)
    x = MORE[:, :3]
    np.testing.assert_allclose(run(layer, x), oracle.fit_transform(x), rtol=1e-12)
    assert layer.exponents(3) == [tuple(powers) for powers in oracle.powers_.tolist()]


def test_polynomials_of_one_feature_and_of_more_axes() -> None:
    np.testing.assert_allclose(run(PolynomialFeatures(3), MORE[:, :1]), MORE[:, :1] ** [1, 2, 3])
    x = MORE[:24].reshape(6, 4, 4)
    wide = preprocessing.PolynomialFeatures(2, include_bias=False).fit_transform(MORE[:24])
    np.testing.assert_allclose(run(PolynomialFeatures(2), x), wide.reshape(6, 4, -1))


SMALL = DATA / DATA.std(0)
NEAR = MORE / MORE.std(0)
ORACLES: dict[str, Callable[[Array, Array], Array]] = {
    "rbf": lambda x, y: pairwise.rbf_kernel(x, y, gamma=0.05),
    "polynomial": lambda x, y: pairwise.polynomial_kernel(x, y, degree=2, gamma=0.05, coef0=0.5),
    "linear": pairwise.linear_kernel,
    "sigmoid": lambda x, y: pairwise.sigmoid_kernel(x, y, gamma=0.05, coef0=0.5),
}


@pytest.mark.parametrize("kernel", ORACLES)
def test_kernels_are_scikit_learns(kernel: str) -> None:
    layer, low = (KernelFeatures(SMALL, kernel, gamma=0.05, degree=2, coef0=0.5) for _ in range(2))
    expected = ORACLES[kernel](NEAR, SMALL)
    np.testing.assert_allclose(run(layer, NEAR), expected, rtol=1e-9)
    np.testing.assert_allclose(run(low, NEAR, "float32"), expected, rtol=2e-4, atol=1e-6)
    labels = np.where(np.arange(60) % 2, 1.0, -1.0)
    labeled = KernelFeatures(SMALL, kernel, gamma=0.05, degree=2, coef0=0.5, labels=labels)
    np.testing.assert_allclose(run(labeled, NEAR), expected * labels, rtol=1e-9)


def test_gamma_is_one_over_the_features_by_default() -> None:
    expected = pairwise.rbf_kernel(NEAR, SMALL)
    np.testing.assert_allclose(run(KernelFeatures(SMALL), NEAR), expected, rtol=1e-9)
    np.testing.assert_allclose(run(RBFFeatures(SMALL), NEAR), expected, rtol=1e-9)
    chosen = RBFFeatures(7, name="rbf").fit(SMALL, seed=3)
    f = ig.compile(chosen(ig.input("x", ("batch", 4), "float64")))
    centers = f.state["rbf.centers"]
    assert {tuple(row) for row in centers} <= {tuple(row) for row in SMALL}
    np.testing.assert_allclose(f(x=NEAR), pairwise.rbf_kernel(NEAR, centers), rtol=1e-9)


def test_kernels_of_ones_own() -> None:
    def laplacian(x: ig.Value, rows: ig.Value) -> ig.Value:
        return ig.exp(-ig.abs(x[:, None] - rows).sum(-1) / 4)

    expected = pairwise.laplacian_kernel(NEAR, SMALL)
    np.testing.assert_allclose(run(KernelFeatures(SMALL, laplacian), NEAR), expected, rtol=1e-9)


def test_a_linear_model_of_features_fits_what_is_not_linear() -> None:
    x = RANDOM.uniform(-1, 1, (200, 2))
    y = np.where(np.linalg.norm(x, axis=1) < 0.6, 1.0, -1.0)

    def error(*layers: Any) -> float:
        model = Sequential([*layers, Dense(1)])
        value, target = ig.input("x", ("batch", 2)), ig.input("y", ("batch", 1))
        loss = ig.losses.squared_error(model(value), target)
        step = ig.compile(loss, updates=ig.optim.Adam(0.05).minimize(loss))
        for _ in range(300):
            step(x=x.astype("float32"), y=y[:, None].astype("float32"))
        right = np.sign(ig.compile(model(value), state=step.state)(x=x.astype("float32"))[:, 0]) != y
        return float(right.mean())

    assert error() > 0.2
    assert error(KernelFeatures(x, gamma=4.0)) < 0.05
    assert error(RBFFeatures(12, 4.0, trainable=True).fit(x)) < 0.05
    assert error(PolynomialFeatures(2)) < 0.1


def test_a_feature_map_puts_functions_side_by_side() -> None:
    phi = FeatureMap(lambda x: x[:, :1], PolynomialFeatures(2), Dense(3, name="dense"), name="phi")
    f = ig.compile(phi(ig.input("x", ("batch", 4), "float64")))
    found = f(x=MORE)
    assert found.shape == (25, 1 + 14 + 3)
    np.testing.assert_allclose(found[:, 15:], MORE @ f.state["phi.dense.w"])
    assert list(phi.parameters) == ["phi.dense.w", "phi.dense.b"]


# --------------------------------------------------------------------------- derivatives and ONNX

LAYERS: dict[str, Callable[[], Any]] = {
    "standardize": lambda: Standardize().fit(SMALL),
    "quantiles": lambda: QuantileNormalize(8).fit(SMALL),
    "quantiles to normal": lambda: QuantileNormalize(8, "normal").fit(SMALL),
    "polynomial": lambda: PolynomialFeatures(3),
    "polynomial of interactions": lambda: PolynomialFeatures(2, interaction_only=True, bias=True),
    "rbf": lambda: RBFFeatures(5).fit(SMALL),
    "rbf, trained": lambda: RBFFeatures(5, trainable=True).fit(SMALL),
    "kernel rbf": lambda: KernelFeatures(SMALL[:9]),
    "kernel polynomial": lambda: KernelFeatures(SMALL[:9], "polynomial", gamma=0.1),
    "kernel sigmoid": lambda: KernelFeatures(SMALL[:9], "sigmoid", gamma=0.01),
    "kernel linear, labeled": lambda: KernelFeatures(SMALL[:9], "linear", labels=[1, -1, 1] * 3),
    "map": lambda: FeatureMap(ig.sin, lambda x: x[:, 1:] * x[:, :-1]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_derivatives(name: str) -> None:
    """Against difference quotients, in float64, away from the knots of quantiles."""
    x = np.array([[0.13, 0.8, -19.4, 3.1], [-0.7, 0.2, -20.3, 4.2]])
    check_derivatives(LAYERS[name](), [x])


@pytest.mark.parametrize("name", LAYERS)
def test_ten_training_steps_in_onnx_runtime(name: str) -> None:
    pytest.importorskip("onnxruntime")
    layer = LAYERS[name]()
    x, target = ig.input("x", ("batch", 4)), ig.input("target", ("batch", 2))
    before = Dense(4, weight_init=np.eye(4), name="before")  # so that a derivative goes through the layer
    loss = ig.losses.squared_error(0.1 * Dense(2, "tanh", name="after")(layer(before(x))), target)
    step = ig.compile({"loss": loss}, updates=ig.optim.SGD(1e-3).minimize(loss), seed=1)
    replayed = ig.onnx.replay(ig.onnx.to_model(step))
    random = np.random.default_rng(2)
    for _ in range(10):
        rows = SMALL[random.integers(0, 60, 12)] + random.normal(0, 0.1, (12, 4))
        fed = {"x": rows.astype("float32"), "target": random.normal(size=(12, 2)).astype("float32")}
        assert abs(step(**fed)["loss"] - replayed(**fed)["loss"]) <= 1e-5
    for key, array in replayed.state.items():
        np.testing.assert_allclose(array, step.state[key], rtol=1e-5, atol=1e-5, err_msg=key)


# ---------------------------------------------------------------------------------------- bad input


def nan_at(row: int, column: int) -> Array:
    data = DATA.copy()
    data[row, column] = np.nan
    return data


BAD: dict[str, tuple[Callable[[], Any], type[Exception], tuple[str, ...]]] = {
    "nan": (
        lambda: Standardize().fit(nan_at(3, 1)),
        FeedError,
        ("found nan in example 3 at [1]", "Leave such examples out"),
    ),
    "nan in a stream": (
        lambda: QuantileNormalize().fit(iter([DATA, nan_at(0, 2)])),
        FeedError,
        ("found nan in example 60 at [2]",),
    ),
    "empty": (lambda: Standardize().fit(np.zeros((0, 4))), FeedError, ("no data to fit to",)),
    "text": (lambda: Standardize().fit([["a"]]), FeedError, ("data of dtype <U1", "real numbers")),
    "other batches": (
        lambda: Standardize().fit(iter([DATA, DATA[:, :2]])),
        FeedError,
        ("found a batch of shape (60, 2) after one of shape (60, 4)",),
    ),
    "examples as an axis": (lambda: Standardize().fit([1.0, 2.0]), ShapeError, ("axis=None",)),
    "other features": (
        lambda: Standardize(name="s").fit(DATA)(ig.input("x", ("batch", 3))),
        ShapeError,
        ("'s.mean' of shape (3,)", "(4,), as of the data", "In layer 's' (Standardize)"),
    ),
    "no table": (lambda: QuantileNormalize().fit(np.zeros((2, 3, 4))), ShapeError, ("a table",)),
    "one quantile": (lambda: QuantileNormalize(1), ShapeError, ("1 quantiles", "at least 2")),
    "half a quantile": (lambda: QuantileNormalize(2.5), ShapeError, ("quantiles=2.5",)),  # type: ignore[arg-type]
    "axis": (lambda: Standardize("a"), DTypeError, ("Standardize with axis='a'",)),  # type: ignore[arg-type]
    "text labels": (lambda: KernelFeatures(DATA, labels=list("ab")), FeedError, ("dtype <U1",)),
    "a state": (lambda: Standardize().fit(DATA, state=3), DTypeError, ("Standardize.fit with state=3",)),  # type: ignore[arg-type]
    "output": (lambda: QuantileNormalize(output="gauss"), ShapeError, ('"uniform" or "normal"',)),  # type: ignore[arg-type]
    "too few centers": (lambda: RBFFeatures(99).fit(DATA), ShapeError, ("60 examples", "99")),
    "gamma": (lambda: RBFFeatures(DATA, gamma=-1.0), ShapeError, ("gamma=-1.0",)),
    "kernel": (
        lambda: KernelFeatures(DATA, "polinomial"),
        DTypeError,
        ("Did you mean 'polynomial'?",),
    ),
    "labels": (lambda: KernelFeatures(DATA, labels=[1, 2]), ShapeError, ("shape (2,) for 60",)),
    "kernel's shape": (
        lambda: KernelFeatures(DATA, lambda x, rows: x, name="k")(ig.input("x", ("batch", 4))),
        ShapeError,
        ("a kernel that gives (batch, 4)", "(batch, 60)", "'k'"),
    ),
    "degree": (lambda: PolynomialFeatures(0), ShapeError, ("degree=0",)),
    "too many columns": (
        lambda: PolynomialFeatures(9)(ig.input("x", ("batch", 784))),
        ShapeError,
        ("more than 1,000,000 products", "KernelFeatures"),
    ),
    "a function": (lambda: FeatureMap(3), ShapeError, ("3 for a feature map",)),  # type: ignore[arg-type]
    "unknown argument": (lambda: RBFFeatures(3, gama=1.0), DTypeError, ("'gamma'",)),  # type: ignore[call-arg]
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    build, error, says = BAD[name]
    with pytest.raises(error) as caught:
        build()
    for part in (*says, f"At {__file__}:"):
        assert part in str(caught.value), caught.value


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
