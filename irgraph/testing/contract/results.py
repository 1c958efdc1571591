"""Memory, gradients, random numbers and kernels: what a step computes.

Oracles are NumPy written by hand, and the generator in plain integers of `irgraph.testing.cases.sources`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any
from unittest import SkipTest

import numpy as np

from ...autodiff.reverse import grad
from ...compiler.protocol import Executor
from ...errors import ExecutorError, IrgraphError
from ...executor import find_executor
from ...function import compile
from ...init import glorot_uniform
from ...losses import softmax_cross_entropy
from ...op import Op
from ...ops import arithmetic, elementary, trigonometric
from ...ops.comparison import maximum, where
from ...ops.indexing import scatter_add
from ...ops.random import Philox
from ...ops.shape import broadcast_to
from ...ops.slicing import concatenate
from ...ops.sources import input, parameter, state
from ...optim import SGD, Adam
from ...value import Value
from ..cases.sources import philox_words
from ..kernels import compiled, to_host
from .points import Array, contents, point, require, same

# ------------------------------------------------------------------------------ memory and views

_OVERLAPS: dict[str, tuple[Callable[[Any], Any], Callable[[Array], Any]]] = {
    "x plus its transpose": (lambda x: x + x.T, lambda x: x + x.T),
    "x minus its rows reversed": (lambda x: x[::-1] - x, lambda x: x[::-1] - x),
    "every second row and column": (
        lambda x: x[::2, ::-2] * x[1::2, ::2],
        lambda x: x[::2, ::-2] * x[1::2, ::2],
    ),
    "a row against a column": (lambda x: x[:1] * x[:, :1], lambda x: x[:1] * x[:, :1]),
    "itself twice": (lambda x: x * x - x, lambda x: x * x - x),
    "a chosen view": (lambda x: where(x > x.T, x, x.T[::-1]), lambda x: np.where(x > x.T, x, x.T[::-1])),
    "a copy in another order": (lambda x: x.T.reshape(2, 8), lambda x: x.T.reshape(2, 8)),
    "parts in another order": (
        lambda x: concatenate([x[2:], x[:2].T.reshape(2, 4)]),
        lambda x: np.concatenate([x[2:], x[:2].T.reshape(2, 4)]),
    ),
    "repeated": (lambda x: broadcast_to(x[1], (3, 4)) + x[:3], lambda x: x[1] + x[:3]),
    "a maximum with its own reverse": (lambda x: maximum(x, x[:, ::-1]), lambda x: np.maximum(x, x[:, ::-1])),
}


@point
def overlapping_operands_are_read_before_they_are_written(executor: Executor) -> None:
    """Views of one buffer as both operands, where memory is used again: transposes, reversals, repeats."""
    array = np.random.default_rng(0).normal(size=(4, 4))
    tried = 0
    for what, (build, oracle) in _OVERLAPS.items():
        fed = input("x", (4, 4), "float64")
        try:
            f = compiled(executor, [build(fed), build(fed * 2.0)])
        except SkipTest:
            continue
        for found, wanted in zip(f(x=array), (oracle(array), oracle(array * 2)), strict=True):
            same(found, wanted, what, executor, 1e-12)
        tried += 1
    if not tried:
        raise SkipTest("kernels for add, subtract, multiply")


@point
def parts_lie_where_their_concatenation_has_them(executor: Executor) -> None:
    """Rows computed one by one, stacked, stacked again and read beside the whole, as NumPy has them."""
    x = input("x", ("n", 3), "float64")
    rows = [elementary.exp(x) * 2.0, trigonometric.tanh(x), x, elementary.exp(x) * 2.0, x[:1] + x]
    inner = concatenate(rows[:3])
    value = concatenate([inner, rows[3], rows[4], rows[1]])
    f = compiled(executor, [value, (value + 1.0).sum(0), inner * 2.0, rows[1]])
    array = np.random.default_rng(6).normal(size=(4, 3))
    for scale in (1.0, -0.5):
        a = array * scale
        parts = [np.exp(a) * 2, np.tanh(a), a, np.exp(a) * 2, a[:1] + a, np.tanh(a)]
        whole = np.concatenate(parts)
        wanted = [whole, (whole + 1).sum(0), whole[:12] * 2, parts[1]]
        for position, (found, expected) in enumerate(zip(f(x=a), wanted, strict=True)):
            same(found, expected, f"output {position}", executor, 1e-12)


@point
def single_pass_kernels_may_write_over_an_input(executor: Executor) -> None:
    """A long chain, planned in place as far as is_single_pass allows, gives what NumPy gives."""
    x, y = input("x", ("n", 3), "float64"), input("y", (3,), "float64")
    value, array, row = x, np.random.default_rng(1).normal(size=(6, 3)), np.array([0.5, -1.0, 2.0])
    wanted = array
    for _ in range(5):
        value = elementary.exp(-(value * value)) + y * value - y
        wanted = np.exp(-(wanted * wanted)) + row * wanted - row
    same(compiled(executor, value)(x=array, y=row), wanted, "the chain", executor, 1e-12)


@point
def memory_is_not_assumed_to_be_zero(executor: Executor) -> None:
    """Scattered sums, slices and their gradients are right after a call that left NaN everywhere."""
    x, at = input("x", ("n", 2), "float64"), input("at", ("n",), "int64")
    y = elementary.exp(x) * 2.0
    f = compiled(executor, [scatter_add(y, at, 5), y[1:].sum(0), grad((y[1:] * y[1:]).sum(), x)])
    array, index = np.random.default_rng(2).normal(size=(4, 2)), np.array([3, 0, 3, 1])
    f(x=np.full((4, 2), np.nan), at=index)
    wide, slope = np.exp(array) * 2, 2 * (np.exp(array) * 2) ** 2
    added = np.zeros((5, 2))
    np.add.at(added, index, wide)
    slope[0] = 0
    for found, wanted in zip(f(x=array, at=index), (added, wide[1:].sum(0), slope), strict=True):
        same(found, wanted, "after NaN", executor, 1e-12)


# -------------------------------------------------------------------------- gradients and numbers


def _classifier() -> tuple[Value, list[Value]]:
    x, label = input("x", ("batch", 5)), input("label", ("batch",), "int64")
    w, b = parameter("w", (5, 3), init=glorot_uniform()), parameter("b", (3,))
    return softmax_cross_entropy(trigonometric.tanh(x) @ w + b, label), [w, b]


def _by_hand(feeds: Mapping[str, Array], w: Array, b: Array) -> tuple[float, list[Array]]:
    """The loss and its gradient towards w and b, in float64."""
    hidden, label = np.tanh(feeds["x"].astype(np.float64)), feeds["label"]
    logits = hidden @ w + b
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    soft = shifted / shifted.sum(1, keepdims=True)
    rows = np.arange(len(label))
    loss = -np.log(soft[rows, label]).mean()
    soft[rows, label] -= 1
    return float(loss), [hidden.T @ soft / len(label), soft.sum(0) / len(label)]


@point
def gradients_train(executor: Executor) -> None:
    """Ten steps of gradient descent with momentum on two batch sizes, as written by hand in NumPy."""
    loss, wrt = _classifier()
    step = compiled(executor, [loss, *grad(loss, wrt)], updates=SGD(0.5, momentum=0.9).minimize(loss), seed=3)
    held = [step.state[name].astype(np.float64) for name in ("w", "b")]
    moving = [np.zeros_like(each) for each in held]
    rng = np.random.default_rng(4)
    for n in range(10):
        batch = 6 if n % 3 else 4
        feeds = {"x": rng.normal(size=(batch, 5)), "label": rng.integers(0, 3, batch)}
        value, slopes = _by_hand(feeds, *held)
        found = step(**feeds)
        for what, one, other in zip(("the loss", "dw", "db"), found, (value, *slopes), strict=True):
            same(one, other, f"{what} of step {n}", executor)
        for position, slope in enumerate(slopes):
            moving[position] = 0.9 * moving[position] + slope
            held[position] = held[position] - 0.5 * moving[position]
    for name, wanted in zip(("w", "b"), held, strict=True):
        same(step.state[name], wanted, f"{name} after ten steps", executor)


@point
def random_streams_are_philox(executor: Executor) -> None:
    """The words of the generator are those of Philox4x32-10 in plain integers, step after step."""
    key, step = state("key", dtype="int64", init=2**40 + 3), state("step", dtype="int64", init=2**33 + 5)
    stream = zlib.crc32(b"noise")
    f = compiled(executor, Philox((1030,), stream, 32)(key, step), updates=[(step, step + 1)])
    for n in range(2):
        wanted = philox_words(2**40 + 3, 2**33 + 5 + n, stream, 32, (1030,))
        same(f(), wanted, f"the words of step {n}", executor)


@point
def two_runs_are_equal_to_the_last_bit(executor: Executor) -> None:
    """The same graph, seed and feeds give the same bits, in a second function and from the second call on."""
    loss, _ = _classifier()
    rng = np.random.default_rng(5)
    feeds = {"x": rng.normal(size=(64, 5)), "label": rng.integers(0, 3, 64)}
    ends = []
    for _ in range(2):
        step = compiled(executor, loss, updates=Adam(0.01).minimize(loss), seed=9)
        losses = [to_host(executor, [step(**feeds)])[0].tobytes() for _ in range(3)]
        ends.append((losses, contents(step.state)))
    require(ends[0] == ends[1], "two runs of one graph differ")
    f = compiled(executor, _classifier()[0] * 1.0, seed=9)
    values = {to_host(executor, [f(**feeds)])[0].tobytes() for _ in range(3)}
    require(len(values) == 1, "three calls of one function differ")


# --------------------------------------------------------------------------------------- kernels


class _Without:
    """An executor that denies some of its kernels."""

    def __init__(self, executor: Executor, denied: set[type[Op]]) -> None:
        self._executor, self._denied = executor, denied

    def has_kernel(self, op: type[Op]) -> bool:
        return op not in self._denied and self._executor.has_kernel(op)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)


@point
def missing_kernels_are_named_at_once(executor: Executor) -> None:
    """has_kernel answers for every class, and compiling names all that is missing, and the executor."""

    stranger: Any = type("Stranger", (Op,), {})  # without a name it enters no table
    require(executor.has_kernel(stranger) is False, "has_kernel of an op that nobody knows was not False")
    require(executor.is_single_pass(stranger) is False, "is_single_pass of that op was not False")
    denied: set[type[Op]] = {arithmetic.Add, trigonometric.Tanh}
    less: Any = _Without(executor, denied)
    x = input("x", (2,))
    try:
        compile([x + x, trigonometric.tanh(x)], executor=less)
    except ExecutorError as error:
        for part in ("add", "tanh", repr(executor.name)):
            require(part in str(error), f"the message does not name {part}: {error}")
    else:
        raise AssertionError("a graph without kernels was compiled")


@point
def the_name_finds_the_executor(executor: Executor) -> None:
    """`name` is a word, and if it is installed under that name, the entry point leads to the same class."""
    require(isinstance(executor.name, str) and executor.name.isidentifier(), f"the name {executor.name!r}")
    try:
        installed = find_executor(executor.name)
    except IrgraphError:
        return  # not installed: it was passed itself
    require(type(installed) is type(executor), f"{executor.name!r} finds {type(installed).__name__}")
