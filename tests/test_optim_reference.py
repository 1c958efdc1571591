"""Optimizers, schedules and clipping, step by step: against numbers of torch and of NumPy programs
(tests/data/optimizers), and in ONNX Runtime."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import optim
from irgraph.optim import Optimizer, Schedule

REFERENCE = json.loads((Path(__file__).parent / "data" / "optimizers" / "reference.json").read_text())
SHAPES: dict[str, tuple[int, ...]] = {"scalar": (), "vector": (2,), "matrix": (2, 2)}
GIVEN: dict[str, Any] = REFERENCE["problem"]
FALLING = optim.staircase(0.1, every=6)

OTHER: dict[str, Any] = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3}
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": optim.SGD(0.1),
    "sgd, decay": optim.SGD(0.1, weight_decay=0.2),
    "sgd, clipped by value": optim.SGD(0.1, clip=optim.clip_by_value(0.5)),
    "sgd, clipped by norm": optim.SGD(0.1, clip=optim.clip_by_norm(1.5)),
    "sgd, clipped by global norm": optim.SGD(0.1, clip=optim.clip_by_global_norm(2.5)),
    "sgd, momentum": optim.SGD(0.1, 0.9, weight_decay=0.1),
    "sgd, nesterov": optim.SGD(0.1, 0.9, nesterov=True),
    "sgd, momentum, staircase": optim.Momentum(FALLING, form="torch"),
    "sgd, nesterov, staircase": optim.Nesterov(FALLING, form="torch"),
    "momentum, staircase": optim.Momentum(FALLING, 0.9),
    "nesterov, staircase": optim.Nesterov(FALLING, 0.9),
    "adagrad": optim.Adagrad(0.1),
    "adagrad, from 0.5": optim.Adagrad(0.1, 1e-2, 0.5, weight_decay=0.1),
    "adadelta": optim.Adadelta(),
    "adadelta, other": optim.Adadelta(0.5, 0.7, 1e-3, weight_decay=0.1),
    "rmsprop": optim.RMSProp(0.02),
    "rmsprop, momentum": optim.RMSProp(0.02, 0.9, 1e-3, 0.8, weight_decay=0.1),
    "rmsprop, centered": optim.RMSProp(0.02, 0.9, centered=True),
    "rmsprop, both": optim.RMSProp(0.02, 0.9, momentum=0.5, centered=True),
    "adam": optim.Adam(0.05),
    "adam, decay": optim.Adam(0.05, **OTHER, weight_decay=0.1),
    "adam, amsgrad": optim.Adam(0.05, **OTHER, amsgrad=True),
    "adam, one cycle": optim.Adam(optim.one_cycle(0.2, 21)),
    "adamw": optim.AdamW(0.05),
    "adamw, decay": optim.AdamW(optim.staircase(0.05, every=6), **OTHER, amsgrad=True, weight_decay=0.5),
    "nadam": optim.Nadam(0.05),
    "nadam, decay": optim.Nadam(0.05, **OTHER, momentum_decay=0.1, weight_decay=0.1),
}

SCHEDULES: dict[str, Schedule] = {
    "staircase": optim.staircase(0.5, every=7),
    "exponential": optim.exponential(0.5, 0.9),
    "polynomial": optim.polynomial(0.5, 12, power=2.0),
    "line": optim.polynomial(0.5, 10, end=0.1),
    "cosine": optim.cosine(0.5, 15, end=0.01),
    "cosine, restarts": optim.cosine(0.5, 10, end=0.01, restarts=True),
    "warmup, staircase": optim.warmup(5, then=optim.staircase(0.5, every=3, factor=0.5)),
    "one cycle": optim.one_cycle(0.5, 30),
    "one cycle, other": optim.one_cycle(0.5, 30, rise=0.25, start=0.05, end=0.0005),
    "piecewise": optim.piecewise({0: 0.5, 5: 0.05, 12: 0.005}),
}


def training(optimizer: Optimizer, dtype: str = "float64", executor: Any = "numpy") -> ig.Function:
    """The problem of make.py: loss Σ g · w + c/2 · Σ w², of which the gradient is g + c · w."""
    ends = np.cumsum([math.prod(shape) for shape in SHAPES.values()])[:-1]
    starts = np.split(np.array(GIVEN["start"]), ends)
    loss: Any = 0.0
    for (name, shape), start in zip(SHAPES.items(), starts, strict=True):
        w = ig.parameter(name, shape, dtype, init=start.reshape(shape).astype(dtype))
        loss = loss + (ig.input(f"g_{name}", shape, dtype) * w + GIVEN["curvature"] / 2 * w * w).sum()
    return ig.compile({"loss": loss}, updates=optimizer.minimize(loss), executor=executor, verify=True)


def feeds(t: int, dtype: str = "float64") -> dict[str, Any]:
    """The gradients of step t."""
    ends = np.cumsum([math.prod(shape) for shape in SHAPES.values()])[:-1]
    parts = np.split(np.array(GIVEN["gradients"][t], dtype), ends)
    return {f"g_{name}": part.reshape(SHAPES[name]) for name, part in zip(SHAPES, parts, strict=True)}


def weights(state: Any) -> np.ndarray[Any, Any]:
    return np.concatenate([np.ravel(state[name]) for name in SHAPES])


def test_the_table_is_whole() -> None:
    assert OPTIMIZERS.keys() == REFERENCE["torch"].keys() | REFERENCE["numpy"].keys()
    assert SCHEDULES.keys() == REFERENCE["schedules"].keys()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 3e-5)])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_step_is_that_of_the_reference(name: str, dtype: str, tolerance: float) -> None:
    step = training(OPTIMIZERS[name], dtype)
    for t, expected in enumerate((REFERENCE["torch"] | REFERENCE["numpy"])[name]):
        step(**feeds(t, dtype))
        np.testing.assert_allclose(
            weights(step.state), expected, rtol=tolerance, atol=tolerance, err_msg=f"step {t}"
        )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_low_precision_is_that_of_the_parameters_alone(name: str) -> None:
    """Slots are float32: 20 steps in float16 stay near, by its three digits."""
    step = training(OPTIMIZERS[name], "float16")
    for t, expected in enumerate((REFERENCE["torch"] | REFERENCE["numpy"])[name]):
        step(**feeds(t, "float16"))
        np.testing.assert_allclose(weights(step.state), expected, rtol=1e-2, atol=1e-2, err_msg=f"step {t}")
    types = {name: step.state.type_of(name).dtype for name in step.state}
    assert {str(types[name]) for name in SHAPES} == {"float16"}
    others = {str(dtype) for name, dtype in types.items() if name not in SHAPES}
    assert others <= {"float32", "float64", "int64"}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_torch(name: str) -> None:
    """In NumPy, in the graph, and as the state that an optimizer leaves."""
    expected, schedule = REFERENCE["schedules"][name], SCHEDULES[name]
    np.testing.assert_allclose(schedule.at(range(len(expected))), expected, rtol=1e-12)
    graph = ig.compile(schedule(ig.input("t", (), "int64")))
    w = ig.parameter("w", (), "float64")
    step = ig.compile(w, updates=optim.SGD(schedule).minimize(w))
    for t, rate in enumerate(expected):
        np.testing.assert_allclose(graph(t=t), rate, rtol=1e-12)
        before = float(step())
        np.testing.assert_allclose(before - step.state["w"], rate, rtol=0, atol=1e-13)
        np.testing.assert_allclose(step.state["learning_rate"], rate, rtol=1e-12)
        assert step.state["learning_rate/step"] == t + 1
        assert float(graph(t=t)) == pytest.approx(schedule.at(t), rel=1e-15)


@pytest.mark.parametrize("name", [*OPTIMIZERS, *SCHEDULES])
def test_steps_in_onnx_runtime_are_those_of_numpy(name: str, tmp_path: Path) -> None:
    optimizer = OPTIMIZERS[name] if name in OPTIMIZERS else optim.SGD(SCHEDULES[name])
    step = training(optimizer, "float32")
    ig.onnx.save(step, tmp_path / "step.onnx")
    run = ig.onnx.replay(tmp_path / "step.onnx")
    for t in range(10):
        expected, found = step(**feeds(t, "float32")), run(**feeds(t, "float32"))
        np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5, atol=1e-5)
        for key, array in run.state.items():
            np.testing.assert_allclose(array, step.state[key], rtol=1e-5, atol=1e-5, err_msg=key)
