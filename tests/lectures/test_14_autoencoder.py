"""The autoencoder of two numbers keeps more of a digit than the best linear code of two numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits


def split() -> tuple[np.ndarray, np.ndarray]:
    pixels = load_digits().data / 16
    order = np.random.default_rng(0).permutation(len(pixels))
    return pixels[order[360:]], pixels[order[:360]]


def test_principal_components(numbers: dict[str, Any]) -> None:
    seen, held_out = split()
    mean = seen.mean(axis=0)
    directions = np.linalg.eigh(np.cov(seen.T))[1][:, -2:]
    rest = (held_out - mean) - (held_out - mean) @ directions @ directions.T
    assert numbers["2 numbers"][1] == pytest.approx((rest**2).mean(), rel=1e-4)


def test_two_numbers_keep_more_than_linear_ones(numbers: dict[str, Any]) -> None:
    seen, held_out = split()
    nothing = ((held_out - seen.mean(axis=0)) ** 2).mean()  # the same image for all
    found, linear = numbers["2 numbers"]
    assert found < 0.95 * linear < 0.8 * nothing


def test_encoder_and_decoder_are_the_two_halves(program: Any) -> None:
    images = split()[0][:64].reshape(-1, 8, 8).astype("float32")
    encode, decode = program.autoencoder(images, 3, epochs=1)
    code = encode(x=images[:5])
    assert code.shape == (5, 3)
    w = encode.state
    hidden = np.tanh(images[:5].reshape(5, 64) @ w["f2.1.w"] + w["f2.1.b"])
    np.testing.assert_allclose(code, hidden @ w["f2.2.w"] + w["f2.2.b"], atol=1e-5)
    hidden = np.tanh(code @ w["f3.0.w"] + w["f3.0.b"])
    pixels = 1 / (1 + np.exp(-(hidden @ w["f3.1.w"] + w["f3.1.b"])))
    np.testing.assert_allclose(decode(code=code).reshape(5, 64), pixels, atol=1e-5)
