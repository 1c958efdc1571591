"""What the laws do not see: digits in units in the last place, and derivatives at points that matter."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import irgraph as ig

Function = Callable[[ig.Value], ig.Value]


def off_by(function: Function, oracle: Callable[[float], float], x: np.ndarray) -> float:
    """The largest error in units in the last place, where the result is no denormal."""
    found = ig.evaluate(function(ig.input("x", x.shape, x.dtype.name)), x=x).astype(np.float64)
    wanted = np.array([oracle(float(each)) for each in x])
    normal = np.abs(wanted) > np.finfo(x.dtype).tiny
    unit = np.spacing(np.abs(wanted[normal]).astype(x.dtype)).astype(np.float64)
    return float((np.abs(found - wanted)[normal] / unit).max())


@pytest.mark.parametrize(
    ("function", "oracle", "dtype", "limit"),
    [
        (ig.erf, math.erf, "float32", 8),
        (ig.erf, math.erf, "float64", 4),
        (ig.erfc, math.erfc, "float32", 10),
        (ig.erfc, math.erfc, "float64", 8),
    ],
)
def test_the_error_function_has_its_digits(
    function: Function, oracle: Callable[[float], float], dtype: str, limit: float
) -> None:
    rng = np.random.default_rng(0)
    parts = [np.linspace(-7, 27, 20_001), np.linspace(-0.5, 0.5, 5_001), 10.0 ** rng.uniform(-20, 1, 5_000)]
    assert off_by(function, oracle, np.concatenate(parts).astype(dtype)) <= limit


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softplus_has_its_digits_where_it_is_small(dtype: str) -> None:
    x = np.linspace(-80, 80, 20_001).astype(dtype)
    assert off_by(ig.softplus, softplus, x) <= 4
    assert off_by(ig.log_sigmoid, lambda each: -softplus(-each), x) <= 4


def test_the_error_function_stays_within_one() -> None:
    x = np.linspace(-8, 8, 100_001, dtype=np.float32)
    found = ig.evaluate(ig.erf(ig.input("x", x.shape)), x=x)
    assert np.abs(found).max() == 1


def slopes(function: Function, at: float, order: int) -> float:
    x = ig.input("x", (), "float64")
    y = function(x)
    for _ in range(order):
        y = ig.grad(y, x)
    return float(ig.compile(y, inputs=[x])(x=at))


@pytest.mark.parametrize(
    ("function", "order", "wanted"),
    [
        (ig.softplus, 1, 0.5),
        (ig.softplus, 2, 0.25),
        (ig.log_sigmoid, 2, -0.25),
        (ig.sinc, 1, 0.0),
        (ig.sinc, 2, -(math.pi**2) / 3),
        (ig.sinc, 4, math.pi**4 / 5),
        (ig.gelu, 1, 0.5),
        (ig.gelu, 2, 2 / math.sqrt(2 * math.pi)),
        (lambda x: ig.logaddexp(x, 0.0 * x), 2, 0.25),
        (lambda x: ig.elu(x, 0.5), 1, 0.5),
        (lambda x: ig.celu(x, 2.0), 1, 1.0),
        (lambda x: ig.hypot(x, 0.0), 1, 0.0),
        (lambda x: ig.xlogy(x, 2.0), 1, math.log(2)),
        (lambda x: ig.xlogy(0.0, x), 1, 0.0),
        (lambda x: ig.hard_tanh(x + 1.0), 1, 0.5),
    ],
)
def test_derivatives_at_zero(function: Function, order: int, wanted: float) -> None:
    assert slopes(function, 0.0, order) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    "function", [ig.gelu, ig.mish, ig.softplus, ig.silu, ig.elu, ig.selu, ig.erf, ig.erfc]
)
def test_the_far_ends_are_finite(function: Function) -> None:
    """Values and derivatives, and nothing on the way is infinite."""
    for at in (-1e4, -90.0, 90.0, 1e4):
        x = ig.input("x")
        y = function(x)
        checked = ig.compile([y, ig.grad(y, x)], check=True)
        assert np.isfinite(checked(x=at)).all()


def test_forward_work_is_done_once() -> None:
    """The gradient of a composite reads the same exponentials and roots as the value."""
    x = ig.input("x", ("n",))
    for function, name, count in ((ig.gelu, "divide", 1), (ig.mish, "tanh", 1), (ig.elu, "expm1", 1)):
        y = function(x)
        graph = ig.compile([y, ig.grad(y.sum(), x)]).program.graph
        assert sum(node.op.name == name for node in graph.nodes) == count
