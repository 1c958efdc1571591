"""Complex numbers: what gradients mean, training, and what is refused. The law table has the ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, ExportError, FeedError, NonFiniteError, NotDifferentiableError
from irgraph.onnx import to_model
from irgraph.printing import parse, to_text

Z = np.array([[1 + 2j, -0.5 + 0.3j, 2 - 1j], [0.1 - 0.7j, -1 - 1j, 0.4 + 0.9j]])


def norm(z: ig.Value) -> ig.Value:
    return (ig.real(z) * ig.real(z) + ig.imag(z) * ig.imag(z)).sum()


LOSSES: dict[str, Callable[[ig.Value], ig.Value]] = {
    "norm": norm,
    "abs": lambda z: abs(z * z + 1j).sum(),
    "holomorphic, real part": lambda z: ig.real(ig.exp(z) * ig.sin(z)).sum(),
    "conjugates": lambda z: ig.imag(ig.conj(z) * ig.log(z) * 2j).sum(),
    "angle": lambda z: (ig.angle(z) * abs(z)).mean(),
    "matmul": lambda z: norm(z @ ig.conj(z).T - 1.0),
    "parts": lambda z: norm(ig.complex(ig.tanh(ig.imag(z)), ig.real(z)) / z),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_dx_minus_i_dy(name: str) -> None:
    """L(z + h t) - L(z - h t) = 2 h Re(g t), along both real directions of every element."""
    z = ig.input("z", Z.shape, "complex128")
    loss = LOSSES[name](z)
    f = ig.compile([loss, ig.grad(loss, z)])
    gradient, h = f(z=Z)[1], 1e-6
    assert gradient.dtype == np.complex128
    for at in np.ndindex(Z.shape):
        for direction in (1.0, 1j):
            step = np.zeros_like(Z)
            step[at] = h * direction
            slope = (f(z=Z + step)[0] - f(z=Z - step)[0]) / (2 * h)
            assert slope == pytest.approx((gradient[at] * direction).real, rel=1e-6, abs=1e-7)


def test_known_gradients() -> None:
    """|z|² has the gradient 2 conj(z), and the real part of z² has 2 z, the derivative of z²: as in JAX."""
    z = ig.input("z", Z.shape, "complex128")
    first, second = ig.grad(norm(z), z), ig.grad(ig.real(z * z).sum(), z)
    found = ig.evaluate([first, second, ig.grad(abs(z).sum(), z)], z=Z)
    np.testing.assert_allclose(found[0], 2 * Z.conj(), rtol=1e-12)
    np.testing.assert_allclose(found[1], 2 * Z, rtol=1e-12)
    np.testing.assert_allclose(found[2], Z.conj() / np.abs(Z), rtol=1e-12)
    assert ig.evaluate(ig.grad(abs(z).sum(), z), z=0 * Z).tolist() == [[0] * 3] * 2


def test_descent_goes_along_the_conjugate() -> None:
    """A complex filter is found from its output."""
    rng = np.random.default_rng(0)
    x = ig.input("x", ("n", 3), "complex64")
    y = ig.input("y", ("n",), "complex64")
    w = ig.parameter("w", (3,), "complex64")
    loss = norm(x @ w - y) / 50.0
    gradient = ig.grad(loss, w)
    step = ig.compile(loss, updates=[(w, w - 0.2 * ig.conj(gradient))], check=True)
    wanted = np.array([1 + 1j, -2j, 0.5])
    array = rng.normal(size=(50, 3)) + 1j * rng.normal(size=(50, 3))
    losses = [float(step(x=array, y=array @ wanted)) for _ in range(60)]
    assert losses[-1] < 1e-10 * losses[0]
    np.testing.assert_allclose(step.state["w"], wanted, atol=1e-5)
    before = step.state["w"]
    with pytest.raises(NonFiniteError, match=r"\(nan"):
        step(x=array * complex(np.nan, 0), y=array @ wanted)
    np.testing.assert_array_equal(step.state["w"], before)


def test_scalars_and_dtypes() -> None:
    single, double, real = (
        ig.input(n, (2,), d) for n, d in zip("sdr", ("complex64", "complex128", "float32"), strict=True)
    )
    for value, dtype in {
        single + 1: "complex64",
        double * 2.5: "complex128",
        real * 1j: "complex64",
        ig.input("w", (2,), "float64") + 1j: "complex128",
        ig.input("i", (2,), "int64") * 1j: "complex64",
        ig.constant([1j, 2]): "complex64",
        ig.constant(np.array([1j])): "complex128",
        ig.full((2,), 1j): "complex64",
        real.astype(complex): "complex64",
        abs(double): "float64",
        single**2: "complex64",
        1 / single: "complex64",
    }.items():
        assert str(value.dtype) == dtype, value
    with pytest.raises(DTypeError, match=r"s of complex64 .* and r of float32 .*; needed one dtype"):
        single + real
    assert [str(f(real).dtype) for f in (ig.real, ig.imag, ig.conj, ig.angle)] == ["float32"] * 4
    for function in (ig.real, ig.imag, ig.conj, ig.angle):
        oracle: Any = getattr(np, function.__name__)
        array = np.array([-1.5, 2.0], "float32")
        np.testing.assert_allclose(
            ig.compile(function(real), inputs=[real])(r=array), oracle(array), rtol=1e-6
        )


def test_feeds_states_and_text() -> None:
    z = ig.input("z", (2,), "complex64")
    w = ig.parameter("w", (2,), "complex64", init=np.array([1j, 2.0]))
    f = ig.compile(z * w + (0.5 - 1j))
    np.testing.assert_allclose(f(z=[1.0, 2j]), [0.5, 4j + 0.5 - 1j], rtol=1e-6)
    f.state["w"] = [1.0, 1.0]
    np.testing.assert_allclose(f(z=[1, 2]), [1.5 - 1j, 2.5 - 1j], rtol=1e-6)
    graph = ig.Graph([z * w + (0.5 - 1j)])
    assert parse(to_text(graph)).structure() == graph.structure()
    for wrong in (np.array([1.0, 2.0]), np.array([1, 2])):
        with pytest.raises(FeedError, match="needed complex64, or another of its kind"):
            f(z=wrong)
    with pytest.raises(
        FeedError, match=r"the number .* at \[1\] for input 'z'; needed complex64, whose largest"
    ):
        f(z=np.array([1.0, 1e300j]))
    with pytest.raises(FeedError, match="found dtype complex128 for input 'x'; needed float32"):
        ig.evaluate(ig.input("x", (2,)) * 1.0, x=np.array([1j, 2]))


def test_what_is_refused() -> None:
    z = ig.input("z", (2,), "complex64")
    with pytest.raises(
        NotDifferentiableError, match=r"complex64.*; needed a float dtype(?s:.)*Take its real part"
    ):
        ig.grad(z.sum(), z)
    with pytest.raises(DTypeError, match="needed one that float32 can hold"):
        ig.full((2,), 1j, "float32")
    with pytest.raises(DTypeError, match="found complex numbers for float32; needed a complex dtype"):
        ig.constant([1j], "float32")
    with pytest.raises(DTypeError, match="found complex initial values"):
        ig.parameter("w", (), init=np.array(1j))
    w = ig.parameter("w", (2,), "complex64")
    with pytest.raises(DTypeError, match=r"<w : complex64\[2\]> to minimize by; needed real parameters"):
        ig.optim.SGD(0.1).minimize(norm(w * z))
    with pytest.raises(
        ExportError, match=r"found complex numbers, first <z : complex64\[2\]>; needed real ones"
    ):
        to_model({"y": abs(z)})
