"""Cases of reductions, running sums, matrix products and softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import reduce as r
from ...ops import softmax as s
from ...ops.cumulative import cumsum
from ...ops.matmul import matmul
from ...ops.sources import input
from ..case import BadCase, Case, case, probabilities, real, spaced, whole

_REDUCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sum": (r.sum, np.sum),
    "mean": (r.mean, np.mean),
    "max": (r.max, np.max),
    "min": (r.min, np.min),
}


def _reductions() -> list[Case]:
    cases = []
    for name, (build, oracle) in _REDUCTIONS.items():
        for axis in (None, 0, -1, (0, 2), (), 1):
            for keepdims in (False, True):
                cases.append(
                    case(
                        name,
                        f"axis {axis}{' keepdims' if keepdims else ''}",
                        lambda x, f=build, a=axis, k=keepdims: f(x, a, k),
                        lambda x, f=oracle, a=axis, k=keepdims: f(x, axis=a, keepdims=k),
                        x=real("n", 1, 3, draw=spaced(0.0)),
                    )
                )
        cases.append(case(name, "scalar", build, oracle, x=real()))
        cases.append(case(name, "integers", build, oracle, x=whole("n", 3)).only("float32"))
        cases.append(
            case(name, "empty", lambda x, f=build: f(x, 1), lambda x, f=oracle: f(x, axis=1), x=real(0, 3))
        )
    return cases


def _softmax(x: Any, axis: int = -1) -> Any:
    raised = np.exp(x - x.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def _log_softmax(x: Any, axis: int = -1) -> Any:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def _cross_entropy(logits: Any, target: Any) -> Any:
    logs = _log_softmax(logits)
    if target.dtype.kind == "f":
        return -(target * logs).sum(-1)
    return -np.take_along_axis(logs, target[..., None], -1)[..., 0]


def _matmuls() -> list[Case]:
    shapes = {
        "matrices": (("n", 3), (3, 5)),
        "row of batches": (("n", 2, 3), (3, 5)),
        "batched": (("n", 2, 3), ("n", 3, 5)),
        "broadcast": ((5, 1, 2, 4), (3, 4, 2)),
        "size-1 batch": (("n", 2, 3), (1, 3, 2)),
        "size-1 batch left": ((1, 2, 3), ("n", 3, 2)),
        "both broadcast": ((2, 1, 2, 3), (1, 4, 3, 2)),
        "outer": (("n", 1), (1, 3)),
        "inner": ((1, 4), (4, 1)),
        "one batch": ((1, 2, 3), (1, 3, 1)),
        "nothing to sum": (("n", 0), (0, 2)),
        "empty": ((0, 3), (3, 2)),
        "right batched": ((2, 3), ("n", 3, 2)),
        "vector left": ((3,), (3, 5)),
        "vector right": (("n", 3), (3,)),
        "vectors": ((3,), (3,)),
        "vector of batches": (("n", 2, 3), (3,)),
        "vector on batches": ((3,), ("n", 3, 2)),
    }
    return [
        case("matmul", name, matmul, np.matmul, a=real(*a), b=real(*b)) for name, (a, b) in shapes.items()
    ]


CASES = [
    *_reductions(),
    *_matmuls(),
    case(
        "sum",
        "small integers",
        r.sum,
        lambda x: x.sum(dtype=np.int64),
        x=whole("n", low=100, high=127, dtype="int8"),
    ),
    case("max", "ones", lambda x: r.max(x, 0), lambda x: x.max(0), x=real(1, 2)),
    case("argmax", "last axis", r.argmax, lambda x: x.argmax(-1), x=whole("n", 5)),
    case(
        "argmax",
        "keepdims",
        lambda x: r.argmax(x, 0, True),
        lambda x: x.argmax(0, keepdims=True),
        x=whole(3, 5),
    ),
    case("argmin", "last axis", r.argmin, lambda x: x.argmin(-1), x=whole("n", 5)),
    case(
        "argmin",
        "keepdims",
        lambda x: r.argmin(x, 0, True),
        lambda x: x.argmin(0, keepdims=True),
        x=whole(3, 5),
    ),
    case(
        "log", "logsumexp", s.logsumexp, lambda x: np.log(np.exp(x - x.max()).sum()) + x.max(), x=real("n", 3)
    ),
    case(
        "log",
        "logsumexp keepdims",
        lambda x: s.logsumexp(x, 1, True),
        lambda x: np.logaddexp.reduce(x, 1, keepdims=True),
        x=real("n", 3, draw=spaced(1000.0)),
    ),
    case("argmax", "middle", lambda x: r.argmax(x, 1), lambda x: x.argmax(1), x=whole("n", 3, 2)),
    case("argmax", "vector", r.argmax, lambda x: x.argmax(), x=whole(5)),
    case("cumsum", "last axis", cumsum, lambda x: x.cumsum(-1), x=real("n", 3)),
    case("cumsum", "first axis", lambda x: cumsum(x, 0), lambda x: x.cumsum(0), x=real("n", 3)),
    case(
        "cumsum",
        "middle, reverse",
        lambda x: cumsum(x, 1, reverse=True),
        lambda x: x[:, ::-1].cumsum(1)[:, ::-1],
        x=real("n", 3, 2),
    ),
    case("cumsum", "integers", cumsum, lambda x: x.cumsum(-1), x=whole("n", 3)),
    case("cumsum", "ones and empty", lambda x: cumsum(x, 1), lambda x: x.cumsum(1), x=real(0, 1)),
    case("matmul", "integers", matmul, np.matmul, a=whole("n", 3), b=whole(3, 2)),
    case("matmul", "by itself transposed", lambda x: x @ x.T, lambda x: x @ x.T, x=real("n", 3)),
    *[
        case(
            name,
            f"axis {axis}",
            lambda x, f=build, a=axis: f(x, a),
            lambda x, f=oracle, a=axis: f(x, a),
            x=real("n", 3, 2),
        )
        for name, build, oracle in (
            ("softmax", s.softmax, _softmax),
            ("log_softmax", s.log_softmax, _log_softmax),
        )
        for axis in (-1, 1, 0)
    ],
    case("softmax", "large", s.softmax, _softmax, x=real("n", 3, draw=spaced(1000.0))),
    case("log_softmax", "large", s.log_softmax, _log_softmax, x=real("n", 3, draw=spaced(1000.0))),
    case("softmax", "one class", s.softmax, _softmax, x=real("n", 1)),
    case("log_softmax", "one class", s.log_softmax, _log_softmax, x=real("n", 1)),
    case("softmax", "empty", s.softmax, _softmax, x=real(0, 3)),
    case(
        "softmax_cross_entropy",
        "labels",
        s.softmax_cross_entropy,
        _cross_entropy,
        logits=real("n", 5),
        target=whole("n", low=0, high=5),
    ),
    case(
        "softmax_cross_entropy",
        "small labels of a sequence",
        s.softmax_cross_entropy,
        _cross_entropy,
        logits=real("n", 2, 3),
        target=whole("n", 2, low=0, high=3, dtype="uint8"),
    ),
    case(
        "softmax_cross_entropy",
        "one example",
        s.softmax_cross_entropy,
        _cross_entropy,
        logits=real(5),
        target=whole(low=0, high=5),
    ),
    case(
        "softmax_cross_entropy",
        "probabilities",
        s.softmax_cross_entropy,
        _cross_entropy,
        logits=real("n", 5),
        target=real("n", 5, draw=probabilities),
    ),
    case(
        "softmax_cross_entropy",
        "weights",
        s.softmax_cross_entropy,
        _cross_entropy,
        logits=real("n", 2, 3),
        target=real("n", 2, 3),
    ),
    case(
        "softmax_cross_entropy",
        "large",
        s.softmax_cross_entropy,
        _cross_entropy,
        logits=real("n", 3, draw=spaced(1000.0)),
        target=whole("n", low=0, high=3),
    ),
]

BAD_CASES = [
    BadCase(
        "sum",
        "axis",
        lambda: input("x", (2, 3)).sum(2),
        ShapeError,
        r"found axis 2; needed an integer from -2 to 1",
    ),
    BadCase(
        "sum", "twice", lambda: input("x", (2, 3)).sum((0, -2)), ShapeError, r"axes \(0, -2\) .* at most once"
    ),
    BadCase(
        "mean",
        "integers",
        lambda: r.Mean((0,))(input("x", (2,), "int64")),
        DTypeError,
        r"mean: found int64\[2\]; needed a float dtype",
    ),
    BadCase(
        "max", "empty", lambda: r.max(input("x", (0, 2)), 0), ShapeError, r"max: .* at least one element"
    ),
    BadCase(
        "argmax",
        "empty",
        lambda: r.argmax(input("x", (2, 0))),
        ShapeError,
        r"argmax: .* at least one element",
    ),
    BadCase(
        "argmax",
        "bools",
        lambda: r.argmax(input("x", (2,), "bool")),
        DTypeError,
        r"argmax: .* a dtype of numbers",
    ),
    BadCase("cumsum", "axis", lambda: cumsum(input("x", (2,)), 1), ShapeError, r"found axis 1; needed"),
    BadCase(
        "matmul",
        "inner sizes",
        lambda: input("x", ("batch", 3)) @ input("w", (4, 5)),
        ShapeError,
        r"matmul: found float32\[batch, 3\] @ float32\[4, 5\]; needed as many columns",
    ),
    BadCase(
        "matmul",
        "batches",
        lambda: input("x", (2, 3, 4)) @ input("w", (5, 4, 3)),
        ShapeError,
        r"matmul: found shapes \(2,\) and \(5,\)",
    ),
    BadCase("matmul", "scalar", lambda: input("x") @ input("w", (4, 5)), ShapeError, r"matmul of the scalar"),
    BadCase(
        "matmul",
        "dtypes",
        lambda: input("x", (2, 2)) @ input("w", (2, 2), "float64"),
        DTypeError,
        r"matmul: found x of float32 .* and w of float64",
    ),
    BadCase("softmax", "axis", lambda: s.softmax(input("x", (2,)), 1), ShapeError, r"found axis 1; needed"),
    BadCase(
        "log_softmax", "axis", lambda: s.log_softmax(input("x", (2,)), 3), ShapeError, r"found axis 3; needed"
    ),
    BadCase(
        "softmax_cross_entropy",
        "label column",
        lambda: s.softmax_cross_entropy(input("x", ("batch", 10)), input("t", ("batch", 1), "int64")),
        ShapeError,
        r"logits of shape \(batch, 10\) and a target of shape \(batch, 1\); needed integer labels of shape",
    ),
    BadCase(
        "softmax_cross_entropy",
        "probabilities",
        lambda: s.softmax_cross_entropy(input("x", ("batch", 10)), input("t", ("batch",))),
        ShapeError,
        r"needed probabilities of shape \(batch, 10\)",
    ),
    BadCase(
        "softmax_cross_entropy",
        "dtype",
        lambda: s.softmax_cross_entropy(input("x", ("batch", 10)), input("t", ("batch", 10), "float64")),
        DTypeError,
        r"needed integer labels or prob",
    ),
    BadCase(
        "softmax_cross_entropy",
        "scalar",
        lambda: s.softmax_cross_entropy(input("x"), input("t")),
        ShapeError,
        r"needed a last axis of classes",
    ),
]
