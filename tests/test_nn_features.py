"""Features stated beforehand: maps, polynomials, kernels; derivatives and errors of fitted layers too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, FeedError, ShapeError
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
from irgraph.testing import check_derivatives
from tests.test_nn_fitted import DATA, MORE, RANDOM, Array, nan_at, run

preprocessing = pytest.importorskip("sklearn.preprocessing")
pairwise = pytest.importorskip("sklearn.metrics.pairwise")

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
