"""The Trainer on the GPU executor, on a double of CuPy, where g++ compiles the kernels for the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import NonFiniteError
from irgraph_cupy import CupyExecutor
from tests.cuda_shim import compiler
from tests.cuda_shim.sources import cupy_doubled, preload
from tests.training import examples, fit, linear, same_state, trainer

pytestmark = pytest.mark.skipif(compiler.GXX is None, reason="needs g++, to run CUDA C on the CPU")
X, Y = examples()


@pytest.fixture
def executor() -> Iterator[CupyExecutor]:
    preload()
    with cupy_doubled():
        yield CupyExecutor()


def test_it_trains_as_on_the_cpu(executor: CupyExecutor, tmp_path: Path) -> None:
    """Metrics, validation, best weights, a checkpoint within an epoch; what comes out is NumPy's arrays."""
    metrics = ["accuracy", "confusion_matrix"]
    one, two = trainer(executor=executor, metrics=metrics), trainer(metrics=metrics)
    for each in (one, two):
        saving = ig.train.Checkpoint(tmp_path / each.executor.name, steps=4)
        callbacks = [saving, ig.train.EarlyStopping(patience=1)]
        fit(each, epochs=2, validation_split=0.2, callbacks=callbacks)
    for name in two.state:
        np.testing.assert_allclose(one.state[name], two.state[name], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(one.history["val_loss"], two.history["val_loss"], rtol=1e-4)
    assert isinstance(one.predict(X), np.ndarray)
    assert np.sum(one.evaluate(X, Y)["confusion_matrix"]) == len(X)
    again = trainer(executor=executor, metrics=metrics)
    again.resume(tmp_path / "cupy")
    assert same_state(again.state, one.state)


def test_a_loss_that_is_not_finite_changes_nothing(executor: CupyExecutor) -> None:
    one = ig.Trainer(lambda x: ig.log(linear(x)), "squared_error", ig.optim.SGD(0.1), executor=executor)
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match="a result of log"):
        fit(one, X, X[:, 0])
    assert one.position.steps == 0
    assert all(np.isfinite(one.state[name]).all() for name in one.state)
