"""Weights whose spread depends on how many inputs and outputs they join."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, final

import numpy as np

from ..arguments import checked
from ..attributes import attribute_class
from ..errors import GraphError, ShapeError, explain
from ..origin import here
from ..types import TensorType, format_shape
from .initializer import Array, Initializer

LAYOUTS = ("in_out", "out_in")


@dataclass(frozen=True)
class _Weights(Initializer):
    """Weights of shape (…, in, out), or for layout "out_in" (out, in, …), as of `conv`."""

    layout: str = "in_out"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            needed = '"in_out" for shapes (…, in, out) or "out_in" for (out, in, …)'
            raise GraphError(explain(f"the layout {self.layout!r} of weights", needed, here()))

    def counts(self, type: TensorType) -> tuple[int, int, int]:
        """The inputs, the outputs and the size of the receptive field."""
        shape = cast("tuple[int, ...]", type.shape)
        if len(shape) < 2:
            axes = "(in, out)" if self.layout == "in_out" else "(out, in)"
            do = "Use init.normal."
            raise ShapeError(explain(f"shape {format_shape(shape)}", f"at least two axes {axes}", do=do))
        if self.layout == "in_out":
            return shape[-2], shape[-1], math.prod(shape[:-2])
        return shape[1], shape[0], math.prod(shape[2:])


@dataclass(frozen=True)
class _VarianceScaling(_Weights):
    """Variance `scale / fan`, so that activations (fan in) or gradients (fan out) keep their size."""

    scale: ClassVar[float]
    fan: ClassVar[Literal["in", "mean"]]
    distribution: ClassVar[Literal["uniform", "normal"]]

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        inputs, outputs, receptive = self.counts(type)
        fan = receptive * (inputs if self.fan == "in" else (inputs + outputs) / 2)
        std = math.sqrt(self.scale / fan) if fan else 0.0  # no elements
        shape = cast("tuple[int, ...]", type.shape)
        if self.distribution == "normal":
            return random.normal(0.0, std, shape)
        return random.uniform(-math.sqrt(3.0) * std, math.sqrt(3.0) * std, shape)


@final
@attribute_class("glorot_uniform")
@dataclass(frozen=True)
class GlorotUniform(_VarianceScaling):
    """Uniform with variance 2 / (in + out)."""

    scale, fan, distribution = 1.0, "mean", "uniform"


@final
@attribute_class("glorot_normal")
@dataclass(frozen=True)
class GlorotNormal(_VarianceScaling):
    """Normal with variance 2 / (in + out)."""

    scale, fan, distribution = 1.0, "mean", "normal"


@final
@attribute_class("he_uniform")
@dataclass(frozen=True)
class HeUniform(_VarianceScaling):
    """Uniform with variance 2 / in."""

    scale, fan, distribution = 2.0, "in", "uniform"


@final
@attribute_class("he_normal")
@dataclass(frozen=True)
class HeNormal(_VarianceScaling):
    """Normal with variance 2 / in."""

    scale, fan, distribution = 2.0, "in", "normal"


@final
@attribute_class("lecun_uniform")
@dataclass(frozen=True)
class LeCunUniform(_VarianceScaling):
    """Uniform with variance 1 / in."""

    scale, fan, distribution = 1.0, "in", "uniform"


@final
@attribute_class("lecun_normal")
@dataclass(frozen=True)
class LeCunNormal(_VarianceScaling):
    """Normal with variance 1 / in."""

    scale, fan, distribution = 1.0, "in", "normal"


@final
@attribute_class("orthogonal")
@dataclass(frozen=True)
class Orthogonal(_Weights):
    """A matrix whose rows or columns, whichever are fewer, are orthonormal, times the gain."""

    gain: float = 1.0

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        inputs, outputs, receptive = self.counts(type)
        rows, columns = (receptive * inputs, outputs)
        if self.layout == "out_in":
            rows, columns = (outputs, receptive * inputs)
        q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.copysign(1.0, np.diagonal(r))  # else not evenly spread: Mezzadri 2007, section 5
        matrix: Array = q if rows >= columns else q.T
        return self.gain * matrix.reshape(cast("tuple[int, ...]", type.shape))


@checked
def glorot_uniform(layout: str = "in_out") -> Initializer:
    """Uniform with variance 2 / (in + out). Glorot and Bengio, AISTATS 2010.

    `layout`: the shape is (…, in, out), or for "out_in" (out, in, …), as of `conv`; the other axes are the
    receptive field, and `in` and `out` are counted times its size.

    >>> glorot_uniform()
    GlorotUniform(layout='in_out')
    """
    return GlorotUniform(layout)


@checked
def glorot_normal(layout: str = "in_out") -> Initializer:
    """Normal with variance 2 / (in + out). Glorot and Bengio, AISTATS 2010.

    `layout`: the shape is (…, in, out), or for "out_in" (out, in, …), as of `conv`; the other axes are the
    receptive field, and `in` and `out` are counted times its size.

    >>> glorot_normal("out_in")
    GlorotNormal(layout='out_in')
    """
    return GlorotNormal(layout)


@checked
def he_uniform(layout: str = "in_out") -> Initializer:
    """Uniform with variance 2 / in. He et al., ICCV 2015, before relu.

    `layout`: the shape is (…, in, out), or for "out_in" (out, in, …), as of `conv`; the other axes are the
    receptive field, and `in` and `out` are counted times its size.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (16, 3, 5, 5), init=he_uniform("out_in"))  # conv: fan in 3 · 5 · 5
    >>> bool(abs(ig.compile(w).state["w"]).max() <= (6 / 75) ** 0.5)
    True
    """
    return HeUniform(layout)


@checked
def he_normal(layout: str = "in_out") -> Initializer:
    """Normal with variance 2 / in. He et al., ICCV 2015, before relu.

    `layout`: the shape is (…, in, out), or for "out_in" (out, in, …), as of `conv`; the other axes are the
    receptive field, and `in` and `out` are counted times its size.

    >>> he_normal()
    HeNormal(layout='in_out')
    """
    return HeNormal(layout)


@checked
def lecun_uniform(layout: str = "in_out") -> Initializer:
    """Uniform with variance 1 / in. LeCun et al., Efficient BackProp, 1998.

    `layout`: the shape is (…, in, out), or for "out_in" (out, in, …), as of `conv`; the other axes are the
    receptive field, and `in` and `out` are counted times its size.

    >>> lecun_uniform()
    LeCunUniform(layout='in_out')
    """
    return LeCunUniform(layout)


@checked
def lecun_normal(layout: str = "in_out") -> Initializer:
    """Normal with variance 1 / in. LeCun et al., Efficient BackProp, 1998.

    `layout`: the shape is (…, in, out), or for "out_in" (out, in, …), as of `conv`; the other axes are the
    receptive field, and `in` and `out` are counted times its size.

    >>> lecun_normal("out_in")
    LeCunNormal(layout='out_in')
    """
    return LeCunNormal(layout)


@checked
def orthogonal(gain: float = 1.0, layout: str = "in_out") -> Initializer:
    """A matrix whose rows or columns, whichever are fewer, are orthonormal, times `gain`; evenly drawn.

    `layout`: the matrix is (… · in, out), or for "out_in" (out, in · …), as of `conv`. Saxe et al., ICLR
    2014; drawn by Mezzadri, "How to generate random matrices from the classical compact groups", 2007.

    >>> import irgraph as ig
    >>> w = ig.compile(ig.parameter("w", (3, 2), init=orthogonal())).state["w"]
    >>> abs(w.T @ w).round(6)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return Orthogonal(layout, gain)
