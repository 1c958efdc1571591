"""Ctrl-C at any moment: the whole state is as before the step or as after it, never between."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import pytest

import irgraph as ig

needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread(),
    reason="needs signal.setitimer in the main thread, which POSIX systems have",
)
DELAYS = 300
LAYERS, WIDTH = 10, 16
FEEDS: dict[str, Any] = {
    "x": np.random.default_rng(0).normal(size=(8, WIDTH)).astype("float32"),
    "label": np.arange(8) % WIDTH,
}
OPTIMIZERS = {
    "adam": ig.optim.Adam(0.01),
    "momentum": ig.optim.SGD(0.1, momentum=0.9),
    "nadam, cosine, clipped": ig.optim.Nadam(
        ig.optim.cosine(0.01, 100), weight_decay=0.01, clip=ig.optim.clip_by_global_norm(1.0)
    ),
    "layerwise": ig.optim.layerwise(ig.optim.Momentum(0.1)),
}
UNTOUCHED = ("learning_rate", "learning_rate/scale", "drop/key")  # by one step


def deep_step(optimizer: ig.optim.Optimizer) -> ig.Function:
    hidden = ig.dropout(ig.input("x", ("batch", WIDTH)), 0.1, name="drop")
    label = ig.input("label", ("batch",), "int64")
    for layer in range(LAYERS):
        w = ig.parameter(f"{layer}.w", (WIDTH, WIDTH), init=ig.init.glorot_normal())
        hidden = ig.tanh(hidden @ w + ig.parameter(f"{layer}.b", (WIDTH,)))
    loss = ig.losses.softmax_cross_entropy(hidden, label)
    return ig.compile(loss, updates=optimizer.minimize(loss))


def snapshot(state: ig.State) -> dict[str, bytes]:
    return {name: state[name].tobytes() for name in state}


@contextmanager
def interrupts() -> Iterator[Callable[[float], None]]:
    """A function that lets KeyboardInterrupt rise after a delay in seconds; 0 calls it off."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, handle)
    try:
        yield lambda delay: signal.setitimer(signal.ITIMER_REAL, delay) and None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def duration(step: ig.Function) -> float:
    step(**FEEDS)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        step(**FEEDS)
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


@needs_timer
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_interrupt_leaves_a_whole_state(optimizer: ig.optim.Optimizer) -> None:
    """The delays sweep 0 to 2 steps. Which of them hit is chance; what they may leave is not."""
    step = deep_step(optimizer)
    whole = duration(step)
    start = {name: step.state[name] for name in step.state}
    before = snapshot(step.state)
    step(**FEEDS)
    after = snapshot(step.state)
    assert all(before[name] != after[name] for name in before if name not in UNTOUCHED)
    with interrupts() as interrupt:
        for n in range(DELAYS):
            step.state.update(start)
            finished = False
            try:
                interrupt(2 * whole * (n + 1) / DELAYS)
                step(**FEEDS)
                finished = True
                interrupt(0)
            except KeyboardInterrupt:
                interrupt(0)
            left = snapshot(step.state)
            assert left == after or (left == before and not finished), f"torn by delay {n}"
    step.state.update(start)
    step(**FEEDS)
    assert snapshot(step.state) == after


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_interrupt_wherever_python_looks_for_signals(optimizer: ig.optim.Optimizer) -> None:
    """The same without chance: CPython runs signal handlers when a Python function starts and when a
    native one returns, and a profiler can raise there, at each of these moments in turn."""
    step = deep_step(optimizer)
    step(**FEEDS)
    start = {name: step.state[name] for name in step.state}
    before = snapshot(step.state)
    moments = profiled(lambda: step(**FEEDS), None)
    after = snapshot(step.state)
    left_before = left_after = 0
    for n in range(moments):
        step.state.update(start)
        with pytest.raises(KeyboardInterrupt):
            profiled(lambda: step(**FEEDS), n)
        left = snapshot(step.state)
        assert left in (before, after), f"torn by the interrupt at moment {n}"
        left_before, left_after = left_before + (left == before), left_after + (left == after)
    assert left_before >= 10  # how many moments there are depends on the interpreter
    assert left_after > 0
    step.state.update(start)
    step(**FEEDS)
    assert snapshot(step.state) == after


def profiled(action: Callable[[], object], interrupt: int | None) -> int:
    """Run an action; the number of moments, at one of which KeyboardInterrupt may be raised."""
    seen = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal seen
        if event in ("call", "c_return") and frame.f_code is not profiled.__code__:
            seen += 1
            if seen - 1 == interrupt:
                raise KeyboardInterrupt

    former = sys.getprofile()
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(former)
    return seen
