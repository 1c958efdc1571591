"""Three hidden units approximate the functions of the notes; not from every start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

TARGETS: dict[str, tuple[Any, float, float]] = {
    "x²": (lambda x: x * x, 1, 0.03),
    "sin x": (np.sin, np.pi, 0.1),
    "|x|": (np.abs, 1, 0.05),
    "H(x)": (lambda x: 1.0 * (x > 0), 1, 0.1),
}


@pytest.mark.parametrize("name", TARGETS)
def test_three_units(numbers: dict[str, Any], name: str) -> None:
    function, span, most = TARGETS[name]
    found = numbers[name]
    assert found["best"] < most
    target = function(np.linspace(-span, span, 50))[::7]
    assert np.abs(found["f"] - target).max() < 4 * most
    assert found["best"] < 0.7 * np.std(
        target
    )  # better than a constant, so that the threshold means something
    assert found["best"] < found["median"]
