"""The worked neuron and the softmax of the notes."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_numbers_of_the_notes(numbers: dict[str, Any]) -> None:
    assert numbers["z at (1, 1)"] == 2
    assert numbers["softmax of 1, 2, 3"] == pytest.approx([0.09, 0.24, 0.67], abs=1e-6)


def test_the_slopes(numbers: dict[str, Any]) -> None:
    assert numbers["largest slope of sigmoid"] == pytest.approx(0.25)
    assert numbers["largest slope of tanh"] == pytest.approx(1)
    assert numbers["largest slope of ReLU"] == 1
