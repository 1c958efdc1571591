"""Makes reference.json: 20 steps of every optimizer, and rates of schedules, by torch (or by NumPy where
torch has no such thing). Run in an environment with torch: python tests/data/optimizers/make.py

The loss of step t is Σ g_t · w + c/2 · Σ w², over the parameters "scalar" (), "vector" (2,) and "matrix"
(2, 2), so that gradients depend on what is fed and on where the parameters are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
STEPS, CURVATURE = 20, 0.3
SHAPES: dict[str, tuple[int, ...]] = {"scalar": (), "vector": (2,), "matrix": (2, 2)}
METRICS = [
    5,
    4,
    3,
    3,
    3,
    2.99995,
    3,
    3,
    3,
    3,
    2,
    2,
    2,
    2,
    2,
    2,
    2,
    2,
    1,
    1.5,
    math.nan,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
]


def short(numbers: Any) -> Any:
    """Numbers of 13 digits."""
    return [float(f"{number:.13g}") for number in np.ravel(numbers)]


def problem() -> dict[str, Any]:
    """Where the parameters start, and the gradients that are fed; one larger than others, for clipping."""
    random = np.random.default_rng(2024)
    size = sum(math.prod(shape) for shape in SHAPES.values())
    gradients = random.normal(size=(STEPS, size))
    gradients[7] *= 10
    start = short(random.normal(size=size))
    return {"start": start, "curvature": CURVATURE, "gradients": [short(row) for row in gradients]}


def by_torch(given: dict[str, Any], make: Callable[[Any, list[Any]], Any], **more: Any) -> list[Any]:
    """The parameters after each step of a torch optimizer, perhaps clipped or scheduled."""
    import torch

    flat = torch.tensor(given["start"], dtype=torch.float64)
    sizes = [math.prod(shape) for shape in SHAPES.values()]
    parts = [p.clone().requires_grad_() for p in torch.split(flat, sizes)]
    optimizer = make(torch, parts)
    schedule = more["schedule"](torch.optim.lr_scheduler, optimizer) if "schedule" in more else None
    found = []
    for row in given["gradients"]:
        optimizer.zero_grad()
        pairs = zip(parts, torch.split(torch.tensor(row, dtype=torch.float64), sizes), strict=True)
        loss = sum((g * p).sum() + CURVATURE / 2 * (p * p).sum() for p, g in pairs)
        loss.backward()
        if "clip" in more:
            torch.nn.utils.clip_grad_value_(parts, more["clip"])
        optimizer.step()
        if schedule is not None:
            schedule.step()
        found.append(short(torch.cat(parts).detach().numpy()))
    return found


def by_numpy(given: dict[str, Any], rule: Callable[[int, list[Array]], list[Array]]) -> list[Any]:
    """The parameters after each step; `rule` says what is subtracted from each."""
    ends = np.cumsum([math.prod(shape) for shape in SHAPES.values()])[:-1]
    weights, found = np.split(np.array(given["start"]), ends), []
    for t, row in enumerate(given["gradients"]):
        gradients = [g + CURVATURE * w for g, w in zip(np.split(np.array(row), ends), weights, strict=True)]
        weights = [w - by for w, by in zip(weights, rule(t, gradients), strict=True)]
        found.append(short(np.concatenate(weights)))
    return found


def torch_paths(given: dict[str, Any]) -> dict[str, list[Any]]:
    """Optimizers as torch runs them."""
    adam = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3}
    staircase = {"schedule": lambda s, o: s.StepLR(o, 6, 0.1)}
    return {
        "sgd": by_torch(given, lambda t, p: t.optim.SGD(p, 0.1)),
        "sgd, decay": by_torch(given, lambda t, p: t.optim.SGD(p, 0.1, weight_decay=0.2)),
        "sgd, clipped by value": by_torch(given, lambda t, p: t.optim.SGD(p, 0.1), clip=0.5),
        "sgd, momentum": by_torch(given, lambda t, p: t.optim.SGD(p, 0.1, 0.9, weight_decay=0.1)),
        "sgd, nesterov": by_torch(given, lambda t, p: t.optim.SGD(p, 0.1, 0.9, nesterov=True)),
        "sgd, momentum, staircase": by_torch(given, lambda t, p: t.optim.SGD(p, 0.1, 0.9), **staircase),
        "sgd, nesterov, staircase": by_torch(
            given, lambda t, p: t.optim.SGD(p, 0.1, 0.9, nesterov=True), **staircase
        ),
        "adagrad": by_torch(given, lambda t, p: t.optim.Adagrad(p, 0.1)),
        "adagrad, from 0.5": by_torch(
            given,
            lambda t, p: t.optim.Adagrad(p, 0.1, initial_accumulator_value=0.5, eps=1e-2, weight_decay=0.1),
        ),
        "adadelta": by_torch(given, lambda t, p: t.optim.Adadelta(p)),
        "adadelta, other": by_torch(
            given, lambda t, p: t.optim.Adadelta(p, 0.5, 0.7, 1e-3, weight_decay=0.1)
        ),
        "rmsprop": by_torch(given, lambda t, p: t.optim.RMSprop(p, 0.02)),
        "rmsprop, momentum": by_torch(
            given, lambda t, p: t.optim.RMSprop(p, 0.02, 0.9, 1e-3, 0.1, momentum=0.8)
        ),
        "rmsprop, centered": by_torch(given, lambda t, p: t.optim.RMSprop(p, 0.02, 0.9, centered=True)),
        "rmsprop, both": by_torch(
            given, lambda t, p: t.optim.RMSprop(p, 0.02, 0.9, momentum=0.5, centered=True)
        ),
        "adam": by_torch(given, lambda t, p: t.optim.Adam(p, 0.05)),
        "adam, decay": by_torch(given, lambda t, p: t.optim.Adam(p, **adam, weight_decay=0.1)),
        "adam, amsgrad": by_torch(given, lambda t, p: t.optim.Adam(p, **adam, amsgrad=True)),
        "adam, one cycle": by_torch(
            given,
            lambda t, p: t.optim.Adam(p, 0.05),
            schedule=lambda s, o: s.OneCycleLR(o, 0.2, total_steps=21, cycle_momentum=False),
        ),
        "adamw": by_torch(given, lambda t, p: t.optim.AdamW(p, 0.05)),
        "adamw, decay": by_torch(
            given, lambda t, p: t.optim.AdamW(p, **adam, weight_decay=0.5, amsgrad=True), **staircase
        ),
        "nadam": by_torch(given, lambda t, p: t.optim.NAdam(p, 0.05)),
        "nadam, decay": by_torch(
            given, lambda t, p: t.optim.NAdam(p, **adam, momentum_decay=0.1, weight_decay=0.1)
        ),
    }


def numpy_paths(given: dict[str, Any]) -> dict[str, list[Any]]:
    """What torch does not have: momentum with the rate inside, and exact norms (torch adds 1e-6)."""

    def momentum(nesterov: bool) -> Callable[[int, list[Array]], list[Array]]:
        m: list[Any] = [0.0] * len(SHAPES)

        def rule(t: int, gradients: list[Array]) -> list[Array]:
            rate = 0.1 * 0.1 ** (t // 6)
            m[:] = [0.9 * old + rate * g for old, g in zip(m, gradients, strict=True)]
            return [0.9 * a + rate * g if nesterov else a for a, g in zip(m, gradients, strict=True)]

        return rule

    def by_norm(t: int, gradients: list[Array]) -> list[Array]:
        return [0.1 * g * min(1, 1.5 / math.sqrt(float((g * g).sum()))) for g in gradients]

    def by_global_norm(t: int, gradients: list[Array]) -> list[Array]:
        norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
        return [0.1 * g * min(1, 2.5 / norm) for g in gradients]

    return {
        "momentum, staircase": by_numpy(given, momentum(False)),
        "nesterov, staircase": by_numpy(given, momentum(True)),
        "sgd, clipped by norm": by_numpy(given, by_norm),
        "sgd, clipped by global norm": by_numpy(given, by_global_norm),
    }


def rates(make: Callable[[Any, Any], Any], steps: int, start: float = 0.5) -> list[float]:
    """The rates of the first steps under a scheduler of torch."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], start)
    schedule, found = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return list(short(found))


def schedules() -> dict[str, list[float]]:
    """Schedules as torch runs them."""

    def warm(s: Any, o: Any, then: Any) -> Any:
        return s.SequentialLR(o, [s.LinearLR(o, 1 / 5, total_iters=4), then], [5])

    return {
        "staircase": rates(lambda s, o: s.StepLR(o, 7), 30),
        "exponential": rates(lambda s, o: s.ExponentialLR(o, 0.9), 30),
        "polynomial": rates(lambda s, o: s.PolynomialLR(o, 12, 2.0), 20),
        "line": rates(lambda s, o: s.LinearLR(o, 1.0, 0.2, 10), 20),
        "cosine": rates(lambda s, o: s.CosineAnnealingLR(o, 15, 0.01), 16),
        "cosine, restarts": rates(lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, eta_min=0.01), 30),
        "warmup, staircase": rates(lambda s, o: warm(s, o, s.StepLR(o, 3, 0.5)), 20),
        "one cycle": rates(lambda s, o: s.OneCycleLR(o, 0.5, total_steps=30), 30),
        "one cycle, other": rates(
            lambda s, o: s.OneCycleLR(o, 0.5, 30, pct_start=0.25, div_factor=10, final_div_factor=100), 30
        ),
        "piecewise": rates(lambda s, o: s.MultiStepLR(o, [5, 12], 0.1), 20),
    }


def plateaus() -> list[dict[str, Any]]:
    """The rate after each metric under torch's ReduceLROnPlateau; null is NaN."""
    import torch

    found = []
    for options in (
        {"factor": 0.1, "patience": 2, "threshold": 1e-4, "cooldown": 0, "min_lr": 0.0},
        {"factor": 0.5, "patience": 1, "threshold": 0.2, "cooldown": 2, "min_lr": 0.1},
        {"factor": 0.5, "patience": 0, "threshold": 0.5, "cooldown": 1, "mode": "max", "min_lr": 1e-3},
        {"factor": 0.3, "patience": 0, "threshold": 0.5, "cooldown": 1, "threshold_mode": "abs"},
    ):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, eps=0.0, **options)
        rate = []
        for metric in METRICS:
            schedule.step(metric)
            rate.append(optimizer.param_groups[0]["lr"])
        metrics = [None if math.isnan(metric) else metric for metric in METRICS]
        found.append({"options": options, "metrics": metrics, "rates": short(rate)})
    return found


def main() -> None:
    """Write reference.json beside this file."""
    import torch

    torch.set_default_dtype(torch.float64)  # else NAdam multiplies its momenta in float32
    given = problem()
    table = {
        "made": {"by": "make.py", "torch": torch.__version__, "numpy": np.__version__},
        "problem": given,
        "torch": torch_paths(given),
        "numpy": numpy_paths(given),
        "schedules": schedules(),
        "plateaus": plateaus(),
    }
    text = json.dumps(table, indent=1)
    compact = text.replace("\n    ", " ").replace("\n   ]", "]")
    Path(__file__).with_name("reference.json").write_text(compact + "\n")


if __name__ == "__main__":
    main()
