"""Cases of scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...control_flow.tracing import scan
from ...errors import DTypeError, GraphError, ShapeError
from ...ops import comparison, constants, elementary, random, trigonometric
from ...ops.sources import input, state
from ...ops.update import with_update
from ..case import Array, BadCase, Case, case, positive, real, whole

Step = Callable[[Any, Any], tuple[Any, Any]]


def _looped(step: Step, carry: Any, xs: Any) -> tuple[Any, Array]:
    """What scan does, as a Python loop; one array of `ys`, shaped as the first carry if there are none."""
    ys = []
    for x in xs:
        carry, y = step(carry, x)
        ys.append(y)
    return carry, np.stack(ys) if ys else np.zeros((0, *np.shape(carry)))


def _cumulative(reverse: bool) -> Callable[[Any], Any]:
    return lambda x: scan(
        lambda s, x: (s + x, s + x), constants.zeros(x.shape[1:], x.dtype), x, reverse=reverse
    )


def _cumulative_oracle(reverse: bool) -> Callable[[Array], Any]:
    def oracle(x: Array) -> tuple[Array, Array]:
        sums = np.cumsum(x[::-1], 0)[::-1] if reverse else np.cumsum(x, 0)
        return x.sum(0), sums

    return oracle


def _cell(h: Any, x: Any, w: Any, b: Any, tanh: Any) -> tuple[Any, Any]:
    h = tanh(h @ w + x + b)
    return h, h


def _rnn(x: Any, h: Any, w: Any, b: Any) -> Any:
    return scan(lambda h, x: _cell(h, x, w, b, trigonometric.tanh), h, x)


def _rnn_oracle(x: Array, h: Array, w: Array, b: Array) -> Any:
    return _looped(lambda h, x: _cell(h, x, w, b, np.tanh), h, x)


def _lstm(x: Any, h: Any, c: Any, w: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry["h"], carry["c"]
        z = h @ w + x
        forget, new = elementary.sigmoid(z[:, :2]), trigonometric.tanh(z[:, 2:])
        c = forget * c + (1 - forget) * new
        h = trigonometric.tanh(c)
        return {"c": c, "h": h}, h

    last, hs = scan(step, {"h": h, "c": c}, x)
    return last["h"], last["c"], hs


def _lstm_oracle(x: Array, h: Array, c: Array, w: Array) -> Any:
    def step(carry: Any, x: Array) -> Any:
        h, c = carry
        z = h @ w + x
        forget = 1 / (1 + np.exp(-z[:, :2]))
        c = forget * c + (1 - forget) * np.tanh(z[:, 2:])
        return (np.tanh(c), c), np.tanh(c)

    (h, c), hs = _looped(step, (h, c), x)
    return h, c, hs


def _swap(x: Any, c: Any) -> Any:
    """Carries that change places, one that stays, and an output that is what was scanned over."""
    start = (constants.zeros((3,), x.dtype), constants.ones((3,), x.dtype), c)
    (a, b, c), ys = scan(lambda s, x: ((s[1], s[0] + x * s[2], s[2]), (x, s[0])), start, x)
    return a, b, c, *ys


def _swap_oracle(x: Array, c: Array) -> Any:
    def step(s: Any, x: Array) -> Any:
        return (s[1], s[0] + x * s[2], s[2]), np.stack([x, s[0]])

    (a, b, c), ys = _looped(step, (np.zeros(3), np.ones(3), c), x)
    return a, b, c, ys[:, 0], ys[:, 1]


def _nested(x: Any, a: Any) -> Any:
    def outer(s: Any, row: Any) -> Any:
        return scan(lambda t, e: (trigonometric.tanh(t * a + e), t * s), s, row)

    return scan(outer, constants.zeros(a.shape, x.dtype), x)


def _nested_oracle(x: Array, a: Array) -> Any:
    def outer(s: Array, row: Array) -> Any:
        return _looped(lambda t, e: (np.tanh(t * a + e), t * s), s, row)

    return _looped(outer, np.zeros_like(a), x)


def _count(x: Any) -> Any:
    """No arrays to scan over: powers, and a counter of integers."""
    (p, n), ys = scan(lambda s, _: ((s[0] * x, s[1] + 1), s), (constants.ones(x.shape, x.dtype), 0), length=4)
    return p, n, *ys


def _count_oracle(x: Array) -> Any:
    powers = np.stack([x**n for n in range(4)])
    return x**4, 4, powers, np.arange(4)


def _largest(x: Any) -> Any:
    """The running maximum of integers and where it was found."""
    start = (x[0], constants.zeros((), x.dtype))

    def step(s: Any, x: Any) -> Any:
        best = comparison.maximum(s[0], x)
        return (best, s[1] + comparison.greater(x, s[0]).sum()), best

    (best, count), ys = scan(step, start, x)
    return best, count, ys


def _largest_oracle(x: Array) -> Any:
    best = np.maximum.accumulate(x, 0)
    before = np.concatenate([x[:1], best[:-1]])
    return best[-1], (x > before).sum(), best


CASES: list[Case] = [
    case("scan", "cumulative sum", _cumulative(False), _cumulative_oracle(False), x=real(5, 3)),
    case("scan", "reverse", _cumulative(True), _cumulative_oracle(True), x=real(5, "m")),
    case("scan", "one step", _cumulative(False), _cumulative_oracle(False), x=real(1, "n", 3)),
    case("scan", "named length", _cumulative(False), _cumulative_oracle(False), x=real("n", 3)),
    case("scan", "named length reverse", _cumulative(True), _cumulative_oracle(True), x=real("n", 1)),
    case("scan", "rnn", _rnn, _rnn_oracle, x=real("n", "m", 2), h=real("m", 2), w=real(2, 2), b=real(2)),
    case("scan", "rnn of vectors", _rnn, _rnn_oracle, x=real(4, 2), h=real(2), w=real(2, 2), b=real(2)),
    case(
        "scan", "lstm", _lstm, _lstm_oracle, x=real(3, "m", 4), h=real("m", 2), c=real("m", 2), w=real(2, 4)
    ),
    case("scan", "swap", _swap, _swap_oracle, x=real(5, 3), c=real(3)),
    case("scan", "nested", _nested, _nested_oracle, x=real(3, 4, "m"), a=real("m")),
    case("scan", "no xs", _count, _count_oracle, x=real("n", draw=positive)),
    case("scan", "integers", _largest, _largest_oracle, x=whole(6, "m")),
    case(
        "scan",
        "only ys",
        lambda x, a: scan(lambda _, x: (None, x * a), None, x)[1],
        lambda x, a: x * a,
        x=real("n", 3),
        a=real(3),
    ),
]


def _x() -> Any:
    return input("x", ("n", 3))


def _bad(name: str, build: Callable[[], object], error: type[Exception], match: str) -> BadCase:
    return BadCase("scan", name, build, error, match)


BAD_CASES: list[BadCase] = [
    _bad(
        "a carry that grows",
        lambda: scan(lambda s, x: ({"a": [s["a"][0] + x]}, None), {"a": [0.0]}, _x()),
        ShapeError,
        r"carry\['a'\]\[0\] : float32\[\], which the body makes float32\[3\]",
    ),
    _bad(
        "a carry of another dtype",
        lambda: scan(lambda s, x: (x.sum(), None), 0, _x()),
        DTypeError,
        r"carry : int64\[\], which the body makes float32\[\]",
    ),
    _bad(
        "a carry of another structure",
        lambda: scan(lambda s, x: ((s[0],), None), (0.0, 1.0), _x()),
        GraphError,
        r"1 parts at carry; needed 2 parts",
    ),
    _bad(
        "a carry without a key",
        lambda: scan(lambda s, x: ({"a": 0.0}, None), {"a": 0.0, "b": 0.0}, _x()),
        GraphError,
        r"the keys \['a'\] at carry",
    ),
    _bad("no pair", lambda: scan(lambda s, x: s, 0.0, _x()), GraphError, "a pair"),
    _bad(
        "two lengths",
        lambda: scan(lambda s, x: (s, None), 0.0, (input("x", (3,)), input("y", (4,)))),
        ShapeError,
        r"3 steps by xs\[0\] and <y : float32\[4\]> as xs\[1\]",
    ),
    _bad(
        "length against xs",
        lambda: scan(lambda s, x: (s, None), 0.0, _x(), "m"),
        ShapeError,
        "m steps by length",
    ),
    _bad("no length", lambda: scan(lambda s, x: (s, None), 0.0), ShapeError, "Pass length="),
    _bad("a scalar", lambda: scan(lambda s, x: (s, None), 0.0, 1.0), ShapeError, "one axis, to scan over"),
    _bad(
        "random numbers",
        lambda: scan(
            lambda s, x: (s + random.random_normal((3,), name="noise"), None), constants.zeros((3,)), _x()
        ),
        GraphError,
        "Draw random numbers before the scan",
    ),
    _bad(
        "an update",
        lambda: scan(lambda s, x: (with_update(s, {state("k"): 1.0}), None), 0.0, _x()),
        GraphError,
        "an update of k within the body of a loop",
    ),
]
