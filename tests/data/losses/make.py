"""Makes reference.json: what torch's losses give in float64, and their gradients. No code of irgraph runs.

Run in an environment with torch: python tests/data/losses/make.py
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(5, 4)) * 2
LABELS = np.array([0, 3, 1, 1, 2])
PROBABILITIES = RANDOM.dirichlet(np.ones(4), 5)
TARGETS = RANDOM.dirichlet(np.ones(4), 5)
NUMBERS = RANDOM.normal(size=(6, 2)) * 3
OTHERS = RANDOM.normal(size=(6, 2))
VARIANCE = RANDOM.uniform(0.5, 2, size=(6, 2))
CHANCES = RANDOM.uniform(size=8)
BINARY = RANDOM.normal(size=8) * 3
TRUTH = np.array([0, 1, 1, 0, 1, 0, 0, 1])

Case = tuple[str, dict[str, Any], Any, Any, Callable[[Any, Any], Any]]


def of_numbers(torch: Any) -> Iterator[Case]:
    """Losses of (N, 2) against (N, 2)."""
    f, none = torch.nn.functional, {"reduction": "none"}
    each: list[tuple[str, dict[str, Any], Callable[[Any, Any], Any]]] = [
        ("squared_error", {}, lambda p, t: f.mse_loss(p, t, **none)),
        ("absolute_error", {}, lambda p, t: f.l1_loss(p, t, **none)),
        ("huber", {}, lambda p, t: f.huber_loss(p, t, **none)),
        ("huber", {"delta": 2.5}, lambda p, t: f.huber_loss(p, t, delta=2.5, **none)),
        ("log_cosh", {}, lambda p, t: torch.log(torch.cosh(p - t))),
        ("cosine", {}, lambda p, t: 1 - f.cosine_similarity(p, t, dim=-1)),
        (
            "gaussian_nll",
            {"variance": VARIANCE.tolist()},
            lambda p, t: f.gaussian_nll_loss(p, t, torch.tensor(VARIANCE), full=True, **none),
        ),
    ]
    for name, options, loss in each:
        yield name, options, NUMBERS, OTHERS, loss


def of_classes(torch: Any) -> Iterator[Case]:
    """Losses of (N, 4) against labels (N,) or probabilities (N, 4)."""
    f, none = torch.nn.functional, {"reduction": "none"}

    def worst(p: Any, t: Any) -> Any:
        others = p.scatter(1, t[:, None], -torch.inf).amax(1)
        return torch.clamp(1 + others - p.gather(1, t[:, None])[:, 0], min=0)

    def margins(margin: float) -> Callable[[Any, Any], Any]:
        return lambda p, t: 4 * f.multi_margin_loss(p, t, margin=margin, **none)  # which divides by 4 classes

    name = "multiclass_hinge"
    yield name, {"form": "max"}, LOGITS, LABELS, worst
    yield name, {"form": "sum"}, LOGITS, LABELS, margins(1.0)
    yield name, {"form": "sum", "margin": 0.5}, LOGITS, LABELS, margins(0.5)
    name = "softmax_cross_entropy"
    for target in (LABELS, TARGETS):
        yield name, {}, LOGITS, target, lambda p, t: f.cross_entropy(p, t, **none)
        smooth = {"label_smoothing": 0.1}
        yield name, smooth, LOGITS, target, lambda p, t: f.cross_entropy(p, t, label_smoothing=0.1, **none)
    name = "cross_entropy"
    yield name, {}, PROBABILITIES, LABELS, lambda p, t: f.nll_loss(torch.log(p), t, **none)
    yield name, {}, PROBABILITIES, TARGETS, lambda p, t: (-t * torch.log(p)).sum(-1)
    yield "negative_log_likelihood", {}, LOGITS, LABELS, lambda p, t: f.nll_loss(p, t, **none)
    yield "kl_divergence", {}, PROBABILITIES, TARGETS, lambda p, t: f.kl_div(torch.log(p), t, **none).sum(-1)


def of_truth(torch: Any) -> Iterator[Case]:
    """Losses of (N,) against truth values or probabilities (N,)."""
    f, none = torch.nn.functional, {"reduction": "none"}
    yield "hinge", {}, BINARY, TRUTH, lambda p, t: torch.clamp(1 - (2 * t - 1) * p, min=0)
    for target in (TRUTH, CHANCES[::-1].copy()):
        name = "sigmoid_cross_entropy"
        yield name, {}, BINARY, target, lambda p, t: f.binary_cross_entropy_with_logits(p, t.double(), **none)
        name = "binary_cross_entropy"
        yield name, {}, CHANCES, target, lambda p, t: f.binary_cross_entropy(p, t.double(), **none)


def rows(torch: Any) -> Iterator[dict[str, Any]]:
    """For each case the losses of the elements, and the gradient of their mean by the prediction."""
    for make in (of_numbers, of_classes, of_truth):
        for name, options, prediction, target, loss in make(torch):
            p = torch.tensor(prediction, requires_grad=True)
            losses = loss(p, torch.tensor(target))
            losses.mean().backward()
            given = {"prediction": prediction.tolist(), "target": target.tolist()}
            found = {"losses": losses.detach().tolist(), "gradient": p.grad.tolist()}
            yield {"loss": name, "options": options, **given, **found}


if __name__ == "__main__":
    torch = importlib.import_module("torch")
    cases = ",\n".join(map(json.dumps, rows(torch)))
    text = f'{{"torch": "{torch.__version__}", "cases": [\n{cases}\n]}}\n'
    (Path(__file__).parent / "reference.json").write_text(text)
