"""Two hidden units tell three letters as the notes say; the network is features and a linear classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression


def test_the_hidden_units_are_those_of_the_notes(numbers: dict[str, Any]) -> None:
    e, f, last = np.array(numbers["mean h of E, F, L"])
    assert min(e[0], f[0]) > 0.85 > 0.15 > last[0]  # h₁ tells {E, F} from L
    assert min(e[1], last[1]) > 0.85 > 0.15 > f[1]  # h₂ tells {E, L} from F


def test_the_network_is_its_two_parts(numbers: dict[str, Any]) -> None:
    assert numbers["difference of network and f(F(x))"] < 1e-5


def test_it_is_nearly_as_good_as_the_nearest_clean_letter(numbers: dict[str, Any], program: Any) -> None:
    """Among letters in Gaussian noise the nearest clean one is the best guess."""
    clean, _ = program.letters(3, np.random.default_rng(0), noise=0)
    images, which = program.letters(3000, np.random.default_rng(1))
    distance = ((images[:, None] - clean) ** 2).sum(axis=(2, 3))
    best = (distance.argmin(axis=1) == which).mean()
    assert best - 0.03 < numbers["right"] < best + 0.02
    assert numbers["right, logistic regression"] == pytest.approx(numbers["right"], abs=0.02)


def test_as_good_as_logistic_regression_on_pixels(numbers: dict[str, Any], program: Any) -> None:
    random = np.random.default_rng(0)
    (images, which), (new, answers) = program.letters(600, random), program.letters(600, random)
    flat = LogisticRegression(C=0.1, max_iter=300).fit(images.reshape(600, 64), which)
    assert numbers["right"] > flat.score(new.reshape(600, 64), answers) - 0.03
