"""What is differentiated: each function once, for irgraph, `jax.numpy` and torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np

from benchmarks.adbench import hand as hands
from benchmarks.adbench.data import read_hand

Array = np.ndarray[Any, Any]
Kind = Literal["jacobian", "batch", "gradient", "hessian", "diagonal", "bundle", "pairs"]
BOTH = ("float32", "float64")


@dataclass(frozen=True)
class Task:
    """A point, parameters, and `function(xp, p, x, constant)`; `pieces` are its factors as somebody would
    cut it.

    `constant` makes an array of the library's own from one of NumPy's.
    """

    x: Array
    parameters: dict[str, Array]
    function: Callable[..., Any]
    pieces: tuple[tuple[Callable[..., Any], Literal["forward", "reverse"]], ...] = ()


@dataclass(frozen=True)
class Case:
    """A task in some dtypes, and what is asked of irgraph.

    `seconds`: a limit; otherwise irgraph is to be ahead of every peer that does not know the order by hand.
    `modes`: irgraph's own plain modes run as well. `without`: variants that would not fit in memory or take
    minutes, with the reason.
    """

    title: str
    kind: Kind
    make: Callable[[str], Task]
    dtypes: tuple[str, ...] = BOTH
    seconds: float | None = None
    modes: bool = False
    without: dict[str, str] = field(default_factory=dict)
    note: str = ""


# ---------------------------------------------------------------------------------------- networks


def layers(numbers: range, xp: Any, p: dict[str, Any], x: Any, constant: Any) -> Any:
    """tanh(x W + b), layer after layer."""
    for n in numbers:
        x = xp.tanh(x @ p[f"w{n}"] + p[f"b{n}"])
    return x


def network(widths: tuple[int, ...], batch: int, dtype: str) -> Task:
    """Dense layers from width to width; the pieces are cut where it is narrowest."""
    rng = np.random.default_rng(0)
    p: dict[str, Array] = {}
    for n, (wide, narrow) in enumerate(itertools.pairwise(widths)):
        p[f"w{n}"] = rng.standard_normal((wide, narrow)) / np.sqrt(wide)
        p[f"b{n}"] = 0.1 * rng.standard_normal(narrow)
    x = rng.standard_normal((batch, widths[0]) if batch else widths[0])
    waist = min(widths)
    inner = [n for n in range(1, len(widths) - 1) if widths[n] == waist < max(widths)]
    cuts = [0, *inner, len(widths) - 1]
    pieces: list[tuple[Callable[..., Any], Literal["forward", "reverse"]]] = []
    for start, stop in itertools.pairwise(cuts):
        mode: Literal["forward", "reverse"] = "reverse" if widths[stop] < widths[start] else "forward"
        pieces.append((partial(layers, range(start, stop)), mode))
    whole = partial(layers, range(len(widths) - 1))
    cast = {name: array.astype(dtype) for name, array in p.items()}
    return Task(x.astype(dtype), cast, whole, tuple(pieces) if len(pieces) > 1 else ())


def scalar_of_network(widths: tuple[int, ...], end: str, dtype: str) -> Task:
    """A network with a number at its end: half the sum of squares, or the log of the sum of exponentials."""
    task = network(widths, 0, dtype)

    def function(xp: Any, p: dict[str, Any], x: Any, constant: Any) -> Any:
        y = task.function(xp, p, x, constant)
        return 0.5 * (y * y).sum() if end == "loss" else xp.logsumexp(y, 0)

    return Task(task.x, task.parameters, function)


# ---------------------------------------------------------------------------------------- Hessians


def quadratic(n: int, dtype: str) -> Task:
    """xᵀAx, of which the Hessian is A + Aᵀ."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((n, n)).astype(dtype)
    return Task(rng.standard_normal(n).astype(dtype), {"a": a}, lambda xp, p, x, _: (x * (p["a"] @ x)).sum())


def logistic(samples: int, features: int, dtype: str) -> Task:
    """The mean loss of a logistic regression, in its coefficients."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((samples, features))
    signs = np.sign(data @ rng.standard_normal(features) + rng.standard_normal(samples))
    p = {"data": (data * signs[:, None]).astype(dtype)}
    start = 0.1 * rng.standard_normal(features)
    return Task(start.astype(dtype), p, lambda xp, p, x, _: xp.softplus(-(p["data"] @ x)).mean())


def morse(xp: Any, squared: Any) -> Any:
    """(1 - exp(1 - r))² of squared distances."""
    gap = 1 - xp.exp(1 - xp.sqrt(squared))
    return gap * gap


def pairwise(count: int, dtype: str) -> Task:
    """The Morse potential of all pairs i < j of points in space."""
    first, second = np.triu_indices(count, 1)

    def function(xp: Any, p: dict[str, Any], x: Any, constant: Any) -> Any:
        apart = x[first] - x[second]
        return morse(xp, xp.sum(apart * apart, 1)).sum()

    x = np.random.default_rng(0).standard_normal((count, 3)) * count ** (1 / 3)
    return Task(x.astype(dtype), {}, function)


# ------------------------------------------------------------------------------------------- others


def elementwise(n: int, dtype: str) -> Task:
    """Eight elementwise functions, one of the other."""

    def function(xp: Any, p: dict[str, Any], x: Any, constant: Any) -> Any:
        y = xp.sin(x) * x
        return xp.tanh(xp.exp(-y * y) + xp.sqrt(1 + x * x)) * y

    return Task(np.random.default_rng(0).standard_normal(n).astype(dtype), {}, function)


def hand(dtype: str) -> Task:
    """ADBench's hand tracking, the "simple" task with 100 points."""
    data = read_hand()
    return Task(data.theta, {}, lambda xp, p, x, constant: hands.errors(xp, x, data, constant))


def bundle(dtype: str) -> Task:
    """ADBench's bundle adjustment: `bundle_side` has what is special about it."""
    return Task(np.zeros(0), {}, lambda *_: None)


AUTOENCODER = (784, 256, 32, 256, 784)
WIDE = (2000, 500, 5, 500, 2000)
NARROW = (784, 64, 8, 64, 784)
ZIGZAG = (512, 8) * 4
SQUARE = (400,) * 6


def _title(widths: tuple[int, ...]) -> str:
    if widths[:8] == ZIGZAG:
        return "(512-8) x 4" + ("-512" if len(widths) > 8 else "")
    return "-".join(map(str, widths))


def _single(widths: tuple[int, ...]) -> Case:
    return Case(f"tanh network {_title(widths)}, one input", "jacobian", partial(network, widths, 0))


def _batched(widths: tuple[int, ...], batch: int, note: str = "") -> list[Case]:
    """Half the batch in float64, so that the result has as many bytes."""
    return [
        Case(
            f"tanh network {_title(widths)}, batch {size}",
            "batch",
            partial(network, widths, size),
            (dtype,),
            note=note,
        )
        for size, dtype in ((batch, "float32"), (batch // 2, "float64"))
    ]


CASES: tuple[Case, ...] = (
    *map(_single, (AUTOENCODER, WIDE, NARROW, ZIGZAG, (*ZIGZAG, 512))),
    *_batched(AUTOENCODER, 128),
    *_batched(WIDE, 16, "a batch of 128 would be 2 GB"),
    *_batched(NARROW, 128),
    *_batched((*ZIGZAG, 512), 128),
    Case("tanh chain of five 400 x 400, its Jacobian", "jacobian", partial(network, SQUARE, 0), modes=True),
    Case(
        "tanh chain of five 400 x 400, its sum of squares",
        "gradient",
        partial(scalar_of_network, SQUARE, "loss"),
        modes=True,
    ),
    Case(
        "tanh chain of five 400 x 400, its logsumexp",
        "gradient",
        partial(scalar_of_network, SQUARE, "logsumexp"),
        modes=True,
    ),
    Case(
        "Hessian of xᵀAx, n = 2048",
        "hessian",
        partial(quadratic, 2048),
        without={"torch hessian": "takes 34 s"},
    ),
    Case("Hessian of a logistic regression, 2048 x 256", "hessian", partial(logistic, 2048, 256)),
    *(
        Case(f"elementwise chain, n = {n:,}, structured", "diagonal", partial(elementwise, n))
        for n in (10_000, 100_000, 1_000_000)
    ),
    Case("Hessian of a potential of pairs, N = 100", "pairs", partial(pairwise, 100), ("float64",)),
    Case(
        "Hessian of a potential of pairs, N = 1000",
        "pairs",
        partial(pairwise, 1000),
        ("float64",),
        without=dict.fromkeys(("JAX hessian", "torch hessian"), "its 3,000 directions need 36 GB"),
    ),
    Case(
        "ADBench hand tracking, N = 100",
        "jacobian",
        hand,
        ("float64",),
        seconds=0.020,
        note="GradBench published: C++ by hand 0.6 ms, PyTorch 3,043 ms",
    ),
    Case(
        "ADBench bundle adjustment, n49 m7776 p31843",
        "bundle",
        bundle,
        ("float64",),
        seconds=0.150,
        note="GradBench published: C++ by hand 7.3 ms, PyTorch 46,791 ms",
    ),
)
