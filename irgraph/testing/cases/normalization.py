"""Cases of normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import DTypeError, GraphError, ShapeError
from ...ops import normalization as z
from ...ops.sources import input
from ...value import Node, Value
from ..case import BadCase, case, positive, real, spaced

EPSILON = 2.0**-10  # which ONNX's float32 attributes hold exactly, so that float64 is exported as one op


def _standard(x: Any, axes: Any, epsilon: float = EPSILON) -> Any:
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axes, keepdims=True) + epsilon)


def _standardize(axes: tuple[int, ...]) -> Any:
    return lambda x: list(Node(z.Standardize(axes, EPSILON), [x]).outputs)


def _three(x: Any, axes: tuple[int, ...]) -> list[Any]:
    return [_standard(x, axes), x.mean(axes, keepdims=True), x.var(axes, keepdims=True)]


def _rms(x: Any, scale: Any, axes: Any) -> Any:
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + EPSILON) * scale


def _column(values: Any, rank: int) -> Any:
    return values.reshape(-1, *[1] * (rank - 2))


def _batch(x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    s, b, m, v = (_column(each, x.ndim) for each in (scale, bias, mean, variance))
    return (x - m) / np.sqrt(v + EPSILON) * s + b


def _batch_norm(*values: Value) -> Value:
    return z.batch_norm(*values, training=False, epsilon=EPSILON)


def _groups(x: Any, scale: Any, bias: Any, groups: int) -> Any:
    apart = x.reshape(len(x), groups, x.shape[1] // groups * x.shape[2])
    return _standard(apart, (2,)).reshape(x.shape) * _column(scale, x.ndim) + _column(bias, x.ndim)


def _layer(axis: int) -> Any:
    def build(x: Value, scale: Value | None = None, bias: Value | None = None) -> Value:
        return z.layer_norm(x, scale, bias, axis, EPSILON)

    return build


def _layer_oracle(axes: Sequence[int]) -> Any:
    return lambda x, scale=1.0, bias=0.0: _standard(x, tuple(axes)) * scale + bias


CASES = [
    case("standardize", "last", _standardize((1,)), lambda x: _three(x, (1,)), x=real("n", 4)),
    case("standardize", "batch", _standardize((0, 2)), lambda x: _three(x, (0, 2)), x=real("n", 3, 2)),
    case(
        "standardize",
        "first output",
        lambda x: _standardize((1,))(x)[0],
        lambda x: _standard(x, 1),
        x=real(3, 4),
    ),
    case(
        "standardize",
        "far from 0",
        _standardize((1,)),
        lambda x: _three(x, (1,)),
        x=real("n", 4, draw=spaced(50.0)),
    ),
    case("standardize", "ones", _standardize((1,)), lambda x: _three(x, (1,)), x=real("n", 1)),
    case("standardize", "empty", _standardize((1,)), lambda x: _three(x, (1,)), x=real(0, 3)),
    case("layer_norm", "plain", _layer(-1), _layer_oracle([-1]), x=real("n", 4)),
    case("layer_norm", "scale", _layer(-1), _layer_oracle([-1]), x=real("n", 4), scale=real(4)),
    case(
        "layer_norm", "both", _layer(-1), _layer_oracle([-1]), x=real("n", 2, 4), scale=real(4), bias=real(4)
    ),
    case(
        "layer_norm",
        "two axes",
        _layer(1),
        _layer_oracle([1, 2]),
        x=real("n", 2, 3),
        scale=real(2, 3),
        bias=real(2, 3),
    ),
    case("layer_norm", "default epsilon", z.layer_norm, lambda x: _standard(x, -1, 1e-5), x=real("n", 4)),
    case("layer_norm", "named axis", _layer(1), _layer_oracle([1]), x=real(3, "n"), scale=real("n")),
    case(
        "rms_norm",
        "last",
        lambda x, scale: z.rms_norm(x, scale, epsilon=EPSILON),
        lambda x, scale: _rms(x, scale, (-1,)),
        x=real("n", 4),
        scale=real(4),
    ),
    case(
        "rms_norm",
        "two axes",
        lambda x: z.rms_norm(x, axis=1, epsilon=EPSILON),
        lambda x: _rms(x, 1.0, (1, 2)),
        x=real("n", 2, 3),
    ),
    *[
        case(
            "batch_norm",
            name,
            _batch_norm,
            _batch,
            x=real(*shape),
            scale=real(3),
            bias=real(3),
            mean=real(3),
            variance=real(3, draw=positive),
        )
        for name, shape in {"images": ("n", 3, 2, 2), "rows": ("n", 3), "empty": (0, 3)}.items()
    ],
    case(
        "standardize",
        "group_norm",
        lambda x, scale, bias: z.group_norm(x, 2, scale, bias, EPSILON),
        lambda x, scale, bias: _groups(x, scale, bias, 2),
        x=real("n", 4, 3),
        scale=real(4),
        bias=real(4),
    ),
    case(
        "standardize",
        "instance_norm",
        lambda x, scale, bias: z.instance_norm(x, scale, bias, EPSILON),
        lambda x, scale, bias: _groups(x, scale, bias, 2),
        x=real("n", 2, 3),
        scale=real(2),
        bias=real(2),
    ),
]


def _bad_batch(**changed: Any) -> Any:
    shapes = {"scale": (3,), "bias": (3,), "mean": (3,), "variance": (3,), **changed}
    training = shapes.pop("training", False)
    x = input("x", shapes.pop("x", ("n", 3, 2)))
    return z.batch_norm(x, *[input(name, shape) for name, shape in shapes.items()], training=training)


BAD_CASES = [
    BadCase(
        "layer_norm",
        "scale",
        lambda: z.layer_norm(input("x", ("n", 4)), input("s", (3,))),
        ShapeError,
        r"layer_norm: found shapes \(3,\) and \(n, 4\)",
    ),
    BadCase(
        "layer_norm",
        "scale of too many axes",
        lambda: z.layer_norm(input("x", (2, 4)), input("s", (2, 4))),
        ShapeError,
        r"layer_norm: found float32\[2, 4\] to scale or shift .*; needed the shape \(4,\)",
    ),
    BadCase(
        "rms_norm",
        "dtypes",
        lambda: z.rms_norm(input("x", (2, 4)), input("s", (4,), "float64")),
        DTypeError,
        r"rms_norm: found x of float32 .* and s of float64",
    ),
    BadCase(
        "layer_norm", "axis", lambda: z.layer_norm(input("x", (2,)), axis=1), ShapeError, r"found axis 1"
    ),
    BadCase(
        "batch_norm",
        "channels",
        lambda: _bad_batch(mean=(2,)),
        ShapeError,
        r"found float32\[2\]; needed float32\[3\], one number for each channel",
    ),
    BadCase("batch_norm", "rank", lambda: _bad_batch(x=(3,)), ShapeError, r"needed at least two axes"),
    BadCase(
        "batch_norm",
        "no state",
        lambda: _bad_batch(training=True),
        GraphError,
        r"an update of .*; needed a state variable",
    ),
    BadCase(
        "standardize",
        "groups",
        lambda: z.group_norm(input("x", (2, 4, 3)), 3),
        ShapeError,
        r"found 3 groups of .*; needed a number that divides axis 1",
    ),
]
