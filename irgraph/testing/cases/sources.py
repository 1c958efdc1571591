"""Cases of inputs, state, constants, updates and random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DTypeError, GraphError, ShapeError
from ...local_jacobian import Coefficient
from ...ops import constants as k
from ...ops import sources as s
from ...ops.random import Philox, dropout
from ...ops.update import with_running_means, with_update
from ...value import Value
from ..case import BadCase, case, real, whole

_LOW = 0xFFFFFFFF


def philox_block(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x32-10 in plain integers, after Salmon et al., SC 2011, section 5.2.

    >>> [f"{word:08x}" for word in philox_block((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _LOW, (p0 >> 32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW
    return c0, c1, c2, c3


def philox_words(key: int, step: int, stream: int, bits: int, shape: tuple[int, ...]) -> Any:
    """What the op `philox` computes: block i has the counter (i, step low, step high, stream)."""
    size = int(np.prod(shape))
    key, step = key % 2**64, step % 2**64
    words: list[int] = []
    for block in range(-(-size // 4)):
        words += philox_block((block, step & _LOW, step >> 32, stream), (key & _LOW, key >> 32))
    return (np.array(words[:size], np.uint64) >> np.uint64(32 - bits)).astype(np.uint32).reshape(shape)


def _philox(shape: tuple[int, ...], stream: int, bits: int) -> Any:
    return lambda key, step: philox_words(int(key), int(step), stream, bits, shape)


def _updated(x: Value) -> Value:
    calls = s.state("calls", dtype="int64")
    return with_update(x, {calls: calls + 1})


def _followed(x: Value) -> Value:
    seen = s.state("seen", dtype=x.dtype)
    once = with_running_means(x, {seen: x.sum()}, 0.75)
    return with_running_means(once, {seen: once.mean()}, 0.5)


def _over(x: Value) -> Value:
    """A sum divided by a size that may be named: `full` with a coefficient."""
    return x.sum(0) * k.scaled_unit(Coefficient(3.0, times=2 * x.shape[0] - 2, over=x.shape[0]), x.dtype)


CASES = [
    case("input", "float", lambda x: x, lambda x: x, x=real("n", 3)),
    case("input", "integer", lambda x: x, lambda x: x, x=whole("n")),
    case("parameter", "zeros", lambda x: x + s.parameter("w", (3,), x.dtype), lambda x: x, x=real("n", 3)),
    case(
        "parameter",
        "a number",
        lambda x: x * s.parameter("w", (), x.dtype, init=2.5),
        lambda x: 2.5 * x,
        x=real("n"),
    ),
    case(
        "parameter",
        "state",
        lambda x: x + s.state("count", (), "int64", init=3),
        lambda x: x + 3,
        x=whole("n"),
    ),
    case("full", "scalar", lambda: k.full((), 1.5), lambda: np.array(1.5)),
    case("full", "integers", lambda: k.full((2, 3), 7), lambda: np.full((2, 3), 7)),
    case("full", "bools", lambda: k.full((2,), True), lambda: np.full(2, True)),
    case("full", "infinite", lambda: k.full((2,), float("-inf")), lambda: np.full(2, -np.inf)),
    case(
        "full",
        "like a named dim",
        lambda x: x + k.ones((x.shape[0], 1), x.dtype),
        lambda x: x + 1,
        x=real("n", 3),
    ),
    case("full", "coefficient", _over, lambda x: x.sum(0) * 3 * (2 * len(x) - 2) / len(x), x=real("n", 3)),
    case("constant", "list", lambda: k.constant([[1.0, 2.0]]), lambda: np.array([[1.0, 2.0]])),
    case(
        "constant",
        "array",
        lambda x: x + k.constant(np.arange(3)),
        lambda x: x + np.arange(3),
        x=whole("n", 3),
    ),
    case("constant", "empty", lambda: k.constant(np.zeros((0, 2))), lambda: np.zeros((0, 2))),
    case(
        "constant",
        "large",
        lambda x: x * k.constant(np.arange(100.0)),
        lambda x: x * np.arange(100.0),
        x=real("n", 100),
    ).only("float64"),
    case("iota", "number", lambda: k.arange(5), lambda: np.arange(5)),
    case(
        "iota",
        "named",
        lambda x: x + k.arange(x.shape[0], x.dtype),
        lambda x: x + np.arange(x.size),
        x=real("n"),
    ),
    case("iota", "nothing", lambda: k.arange(0, "float32"), lambda: np.arange(0.0)),
    case("with_update", "counter", _updated, lambda x: x, x=real("n", 3)),
    case("with_update", "running means", _followed, lambda x: x, x=real("n", 3)),
    case("philox", "words", Philox((7,), 0, 32), _philox((7,), 0, 32), key=whole(), step=whole()),
    case(
        "philox",
        "24 bits",
        Philox((2, 3), 12345, 24),
        _philox((2, 3), 12345, 24),
        key=whole(low=0, high=2**62),
        step=whole(low=2**31, high=2**40),
    ),
    case("philox", "one bit", Philox((), 2**32 - 1, 1), _philox((), 2**32 - 1, 1), key=whole(), step=whole()),
    case("philox", "nothing", Philox((0, 3), 1, 8), _philox((0, 3), 1, 8), key=whole(), step=whole()),
]

BAD_CASES = [
    BadCase(
        "input",
        "name",
        lambda: s.input("my input", (2,)),
        GraphError,
        r"found the name 'my input'; needed a non-empty",
    ),
    BadCase(
        "input", "negative", lambda: s.input("x", (-2,)), ShapeError, r"found the negative size -2 in \(-2,\)"
    ),
    BadCase("input", "dtype", lambda: s.input("x", (2,), "float8"), DTypeError, r"found the dtype 'float8'"),
    BadCase("input", "shape", lambda: s.input("x", (2.5,)), ShapeError, r"found 2.5 in a shape"),  # type: ignore[arg-type]
    BadCase(
        "parameter",
        "named dim",
        lambda: s.parameter("w", ("batch", 3)),  # type: ignore[arg-type]
        ShapeError,
        r"found the shape \(batch, 3\) for parameter 'w'; needed integers only",
    ),
    BadCase(
        "full",
        "no integer",
        lambda: k.full((2,), 1.5, "int64"),
        DTypeError,
        r"found the number 1.5; needed one that",
    ),
    BadCase(
        "full",
        "too large",
        lambda: k.full((2,), 300, "uint8"),
        DTypeError,
        r"found the number 300; needed one that",
    ),
    BadCase(
        "constant",
        "objects",
        lambda: k.constant([[1, 2], ["a", None]]),
        DTypeError,
        r"needed numbers in a regular",
    ),
    BadCase(
        "constant", "ragged", lambda: k.constant([[1, 2], [3]]), DTypeError, r"needed numbers in a regular"
    ),
    BadCase("iota", "negative", lambda: k.arange(-1), ShapeError, r"found the negative size -1"),
    BadCase(
        "with_update",
        "no state",
        lambda: with_update(s.input("x"), {s.input("y"): 1.0}),
        GraphError,
        r"found an update of <y : float32\[\]> .*; needed a state variable",
    ),
    BadCase(
        "with_update",
        "another type",
        lambda: with_update(s.input("x"), {s.state("c"): k.zeros((2,))}),
        GraphError,
        r"needed a state variable, and a value of its type",
    ),
    BadCase(
        "philox",
        "key",
        lambda: Philox((2,), 0, 32)(s.input("k"), s.input("s", dtype="int64")),
        DTypeError,
        r"philox: found float32\[\]; needed an int64 scalar",
    ),
    BadCase(
        "philox",
        "rank",
        lambda: Philox((2,), 0, 32)(s.input("k", (2,), "int64"), s.input("s", dtype="int64")),
        ShapeError,
        r"philox: found int64\[2\]; needed a scalar",
    ),
    BadCase(
        "philox",
        "dropout rate",
        lambda: dropout(s.input("x"), 1.0, name="d"),
        ShapeError,
        r"found a dropout rate of 1.0; needed 0 <= rate < 1",
    ),
]
