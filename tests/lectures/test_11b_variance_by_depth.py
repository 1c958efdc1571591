"""What is left of activations and gradients, against the variances of the theory."""

from __future__ import annotations

from typing import Any

import pytest

LAYERS = 19  # between the first and the last


def test_relu_by_the_theory(numbers: dict[str, Any]) -> None:
    """The mean square changes by n Var(w) / 2 in each layer: 0.64 / 2, 1 / 2, 1 / 2, 2 / 2."""
    for name, each in {"N(0, 0.1)": 0.32, "Glorot": 0.5, "orthogonal": 0.5, "He": 1.0}.items():
        for ratio in numbers[f"ReLU, {name}"].values():
            assert ratio ** (1 / LAYERS) == pytest.approx(each**0.5, rel=0.06)


def test_tanh(numbers: dict[str, Any]) -> None:
    small = numbers["tanh, N(0, 0.1)"]["activations"]
    for name in ("Glorot", "orthogonal", "He"):
        assert 0.1 < numbers[f"tanh, {name}"]["activations"] <= 1
        assert numbers[f"tanh, {name}"]["activations"] > 10 * small
