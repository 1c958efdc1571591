"""Training until the nll on a validation set stops decreasing."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_it_stops_where_the_validation_nll_stopped_decreasing(numbers: dict[str, Any], program: Any) -> None:
    validation, patience = numbers["validation nll"], 20
    best = int(np.argmin(validation[: numbers["epochs"]]))
    assert numbers["best epoch"] == best + 1
    assert numbers["epochs"] == best + 1 + patience < len(validation)
    for earlier in range(patience, best):  # and not before: no pause was that long
        assert min(validation[earlier - patience + 1 : earlier + 1]) < min(
            validation[: earlier - patience + 1]
        )
    assert numbers["stopped nll"] == numbers["nll"][: numbers["epochs"]]


def test_afterwards_the_wrong_labels_are_learned_by_heart(numbers: dict[str, Any]) -> None:
    stopped, end = numbers["stopped"], numbers["to the end"]
    assert end["training labels"] > stopped["training labels"]
    assert end["unseen points"] < stopped["unseen points"]
    assert numbers["nll"][-1] < 0.9 * numbers["nll"][numbers["best epoch"] - 1]
    assert numbers["validation nll"][-1] > 1.2 * min(numbers["validation nll"])


def test_an_eighth_of_the_labels_is_wrong(program: Any) -> None:
    (points, given), (same, true) = program.rings(8000, 5), program.rings(8000, 5, wrong=0)
    assert np.array_equal(points, same)
    assert abs(np.mean(given != true) - 1 / 8) < 0.02
