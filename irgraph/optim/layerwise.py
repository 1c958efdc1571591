"""Updates layer by layer, from the last to the first, each with the new weights of those after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, final

from ..arguments import checked
from ..autodiff.reverse import grad, vjp
from ..autodiff.structure import flatten
from ..errors import GraphError, explain
from ..graph import Graph, Update, keep, topological_order
from ..ops.cast import stop_gradient
from ..ops.constants import ones
from ..ops.update import WithUpdate
from ..origin import carrying, here
from ..types import DType
from ..value import Node, Value
from .optimizer import Optimizer, Step, demand

Layers = Sequence[Sequence[Value] | str]


@final
class _Layerwise(Optimizer):
    """The backward pass as a sweep that updates on its way."""

    def __init__(self, optimizer: Optimizer, layers: Layers | None) -> None:
        super().__init__(optimizer.name)
        self.optimizer = optimizer
        self.layers = layers

    @property
    def rates(self) -> tuple[str, ...]:
        return self.optimizer.rates

    def begin(self, dtype: DType) -> tuple[list[Update], Step]:
        raise GraphError(
            explain(
                "layer by layer updates within another optimizer",
                "the loss, which only the outermost one has",
                here(),
                "Write layerwise(groups(…)).",
            )
        )

    def minimize(self, loss: Value, parameters: Any = None) -> list[Update]:
        chosen = self.optimizer.chosen(loss, parameters)
        grad(loss, chosen)  # raises what it has to say of a loss, or of parameters without a gradient
        with carrying(here().derived("update")):
            updates, step = self.optimizer.begin(loss.dtype.wide)
            layers = self._split(chosen) if self.layers else _by_name(loss, chosen)
            return updates + _sweep(loss, layers, step)

    def _split(self, chosen: Sequence[Value]) -> list[list[Value]]:
        """The parameters by layer, as the user said."""
        split: list[list[Value]] = []
        for layer in self.layers or ():
            if isinstance(layer, str):
                split.append([parameter for parameter in chosen if fnmatchcase(parameter.label, layer)])
            else:
                split.append(flatten(layer, "a layer"))
            demand(bool(split[-1]), f"the layer {layer!r}, of no parameter", "at least one in each layer")
        counted = [parameter for layer in split for parameter in layer]
        for parameter in {*counted, *chosen}:
            times = counted.count(parameter)
            needed = "each parameter that is trained in one layer"
            demand(times == 1 and parameter in chosen, f"{parameter!r} in {times} of the layers", needed)
        return split


def _by_name(loss: Value, chosen: Sequence[Value]) -> list[list[Value]]:
    """Parameters of one layer's name, by how many other layers their users depend on."""
    layers: dict[str, list[Value]] = {}
    for parameter in chosen:
        layers.setdefault(re.sub(r"[./][^./]*$", "", parameter.label), []).append(parameter)
    own = {parameter: 1 << number for number, layer in enumerate(layers.values()) for parameter in layer}
    needs: dict[Value, int] = {}  # the layers that a value depends on, as bits
    depth = dict.fromkeys(own.values(), 0)
    for node in topological_order([loss]):
        below = 0
        for value in node.inputs:
            below |= needs[value]
        for value in node.outputs:
            needs[value] = below | own.get(value, 0)
        for bit in (own[value] for value in node.inputs if value in own):
            depth[bit] = max(depth[bit], below.bit_count())
    return sorted(layers.values(), key=lambda layer: depth[own[layer[0]]])


def _sweep(loss: Value, layers: Sequence[Sequence[Value]], step: Step) -> list[Update]:
    """Step 2 of the algorithm. A value belongs to the last layer whose parameters it depends on."""
    level = _levels(loss, layers)
    arrived: dict[Value, list[Value]] = {loss: [ones((), loss.dtype)]}
    found: list[Update] = []
    for number in reversed(range(len(layers))):
        layer = layers[number]
        ends = [value for value in arrived if level[value] == number]
        cotangents = [_total(arrived[value]) for value in ends]
        updates = step(layer, vjp(ends, layer, cotangents))
        found += updates
        if number:
            new = {variable: value for variable, value in updates if variable in set(layer)}
            _hand_down(ends, cotangents, level, number, new, arrived)
    return found


def _hand_down(
    ends: Sequence[Value],
    cotangents: Sequence[Value],
    level: dict[Value, int],
    number: int,
    new: dict[Value, Value],
    arrived: dict[Value, list[Value]],
) -> None:
    """Send cotangents through one layer, with its new weights, to what it reads of the layers before it.

    What it reads is the value of the forward pass, past which nothing flows, for it may depend on others.
    """
    nodes = topological_order(ends)
    reads = (value for node in nodes if level[node.outputs[0]] == number for value in node.inputs)
    read = [value for value in dict.fromkeys(reads) if 0 <= level[value] < number]
    if not read:
        return
    held = {value: stop_gradient(value) for value in read}
    inside = {value: now for value, now in (held | new).items() if value.dtype.is_inexact}

    def replace(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        travelling = isinstance(node.op, WithUpdate) and inputs != node.inputs
        values = [inputs[0]] if travelling else keep(node, inputs)  # its updates are made once
        return [inside.get(old, now) for old, now in zip(node.outputs, values, strict=True)]

    again = Graph({str(n): value for n, value in enumerate(ends)}).rebuild(replace).outputs
    wanted = [value for value in read if value in inside]
    sources = [inside[value] for value in wanted]
    for value, cotangent in zip(wanted, vjp(again, sources, cotangents, "zero"), strict=True):
        arrived.setdefault(value, []).append(cotangent)


def _levels(loss: Value, layers: Sequence[Sequence[Value]]) -> dict[Value, int]:
    """The last layer that each value depends on; -1 for none."""
    own = {parameter: number for number, layer in enumerate(layers) for parameter in layer}
    level: dict[Value, int] = {}
    for node in topological_order([loss]):
        below = max((level[value] for value in node.inputs), default=-1)
        for value in node.outputs:
            level[value] = max(below, own.get(value, -1))
    return level


def _total(parts: Sequence[Value]) -> Value:
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found


@checked
def layerwise(optimizer: Optimizer, layers: Layers | None = None) -> Optimizer:
    """An optimizer that updates from the last layer to the first, where the gradient of a layer is computed
    with the weights of the layers after it that are already updated.

    For layers f⁽ᵏ⁾ with inputs z⁽ᵏ⁾ from the forward pass and new weights w̃, the derivative of layer k is
    Δ⁽ᴷ⁻¹⁾(z⁽ᴷ⁻¹⁾, w̃⁽ᴷ⁾) ⋯ Δ⁽ᵏ⁾(z⁽ᵏ⁾, w̃⁽ᵏ⁺¹⁾) · df⁽ᵏ⁾/dw⁽ᵏ⁾(z, w⁽ᵏ⁾), where Δ are Jacobians of layers towards
    their input (Columbia's notes on neural networks, backpropagation algorithm, step 2). Each layer runs with
    its old and then with its new weights, on the same z; the loss belongs to the last layer. A norm to clip
    by is that of one layer.

    `layers` are lists of parameters, or patterns of their names, the first layer first; by default what a
    name says before its last `.` or `/` is the layer, and layers that need fewer others come first.
    Raises GraphError unless each parameter is in one layer.

    >>> import irgraph as ig
    >>> a, b, x = ig.parameter("a", init=1.0), ig.parameter("b", init=2.0), ig.input("x")
    >>> loss = b * (a * x)
    >>> step = ig.compile(loss, updates=layerwise(ig.optim.SGD(0.5)).minimize(loss))
    >>> _ = step(x=1.0)
    >>> float(step.state["b"]), float(step.state["a"])  # 2 - 0.5 · 1, then 1 - 0.5 · 1.5
    (1.5, 0.25)
    """
    demand(isinstance(optimizer, Optimizer), f"layerwise of {optimizer!r}", "an optimizer")
    found = "layerwise of an optimizer that sums gradients of several steps"
    demand(
        optimizer.immediate, found, "one that updates at each step: its new weights are what gradients need"
    )
    return _Layerwise(optimizer, layers)
