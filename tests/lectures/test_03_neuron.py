"""The worked neuron, the softmax and the activations of the notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_the_neuron_of_the_notes(numbers: dict[str, Any]) -> None:
    assert numbers["z at (1, 1), (-1, 1)"] == [3 * 1 - 2 * 1 + 1, 3 * -1 - 2 * 1 + 1]
    assert numbers["f at (1, 1), (-1, 1)"] == [2, 0]


def test_the_softmax_of_the_notes(numbers: dict[str, Any]) -> None:
    assert numbers["z"] == [1, 2, 3]
    assert numbers["softmax"] == pytest.approx([0.09, 0.24, 0.67], abs=1e-6)


def test_the_derivatives_of_the_notes(numbers: dict[str, Any]) -> None:
    z = np.array([-4.0, 0, 4])
    sigmoid = 1 / (1 + np.exp(-z))
    assert numbers["slopes of sigmoid"] == pytest.approx(sigmoid * (1 - sigmoid), abs=1e-6)
    assert numbers["slopes of tanh"] == pytest.approx(1 - np.tanh(z) ** 2, abs=1e-6)
    assert numbers["slopes of ReLU"] == [0, 0, 1]
