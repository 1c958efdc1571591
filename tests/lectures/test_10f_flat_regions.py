"""Gradients by depth with sigmoids, tanh and ReLU."""

from __future__ import annotations

from typing import Any

import pytest


def test_sigmoids_lose_the_gradient(numbers: dict[str, Any]) -> None:
    """Nineteen layers further back: at most a quarter each, were the weights orthogonal."""
    assert numbers["sigmoid"]["first layer / last layer"] < 4.0**-19
    assert numbers["relu"]["first layer / last layer"] > 0.1
    assert numbers["tanh"]["first layer / last layer"] > 0.1


def test_a_network_of_sigmoids_learns_a_constant_only(numbers: dict[str, Any]) -> None:
    constant = numbers["variance of the target"]
    assert numbers["sigmoid"]["least loss"] == pytest.approx(constant, rel=0.01)
    assert numbers["relu"]["least loss"] < constant / 2
    assert numbers["tanh"]["least loss"] < constant / 2
