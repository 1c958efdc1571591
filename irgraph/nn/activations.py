"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arguments import did_you_mean
from ..errors import DTypeError, explain
from ..ops import activations, elementary, rectifiers, softmax, trigonometric
from ..ops.exponentials import log_sigmoid, softplus
from ..origin import here
from ..value import Value

Activation = Callable[[Value], Value]


def linear(x: Value) -> Value:
    """The value itself; by name, so that layers can be pickled."""
    return x


ACTIVATIONS: dict[str, Activation] = {
    "celu": rectifiers.celu,
    "elu": rectifiers.elu,
    "exp": elementary.exp,
    "gelu": activations.gelu,
    "hard_sigmoid": rectifiers.hard_sigmoid,
    "hard_swish": rectifiers.hard_swish,
    "hard_tanh": rectifiers.hard_tanh,
    "leaky_relu": rectifiers.leaky_relu,
    "linear": linear,
    "log_sigmoid": log_sigmoid,
    "log_softmax": softmax.log_softmax,
    "mish": activations.mish,
    "relu": elementary.relu,
    "relu6": rectifiers.relu6,
    "selu": rectifiers.selu,
    "sigmoid": elementary.sigmoid,
    "silu": activations.silu,
    "softmax": softmax.softmax,
    "softplus": softplus,
    "softsign": activations.softsign,
    "tanh": trigonometric.tanh,
}
"""What layers take by name. Softmax and log-softmax go along the last axis."""


def find(activation: str | Activation | None) -> Activation:
    """The activation that was written: a name of `ACTIVATIONS`, a function of a value, or None for none.

    Raises DTypeError for an unknown name, with those that exist.

    >>> find("relu").__name__
    'relu'
    """
    if activation is None:
        return ACTIVATIONS["linear"]
    if callable(activation):
        return activation
    name = str(activation).lower()
    if name not in ACTIVATIONS:
        do = did_you_mean(name, ACTIVATIONS)
        needed = f"a function, or one of: {', '.join(ACTIVATIONS)}"
        raise DTypeError(explain(f"the activation {activation!r}", needed, here(), do))
    return ACTIVATIONS[name]


def told(activation: Any) -> str | None:
    """How a layer shows its activation: the name, or None where there is none."""
    if activation is None or isinstance(activation, str):
        return activation
    return str(getattr(activation, "__name__", activation))
