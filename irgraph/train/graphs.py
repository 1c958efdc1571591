"""The graphs of a trainer: the training step, the evaluation, the prediction, all on one state."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .. import losses, metrics
from ..compiler.protocol import Executor
from ..errors import DTypeError, GraphError, NonFiniteError, ShapeError, explain
from ..function import Function, compile
from ..nn.calls import values_in
from ..nn.layer import Layer
from ..ops.random import counting_draws
from ..ops.sources import input
from ..ops.taps import tap
from ..optim.optimizer import Optimizer
from ..origin import here
from ..state import State
from ..value import Value
from .data import WEIGHTS
from .requirements import require_fit, require_single
from .structure import BATCH, Structure, dtype_of_weights

LOSS = "loss"
Loss = Callable[..., Value]


class Measure(Protocol):
    """What is told of an epoch besides the loss: sums over the batches, and what becomes of them."""

    @property
    def name(self) -> str:
        """Under which it is told."""

    def parts(self, prediction: Any, target: Any) -> Mapping[str, Value]:
        """The values of a batch that are added over batches."""

    def finish(self, sums: Mapping[str, Any]) -> Any:
        """The number, or array, that the sums give."""


@dataclass(frozen=True)
class MeanOfBatches:
    """A function of prediction and target with the mean of a batch as its value, weighted by batch sizes."""

    name: str
    function: Callable[[Any, Any], Value]

    def parts(self, *compared: Any) -> Mapping[str, Value]:
        """The one mean."""
        require_fit(
            self.function, "the metric", compared, {}, "It takes the prediction, and the target if any."
        )
        return {"mean": self.function(*compared)}

    def finish(self, sums: Mapping[str, Any]) -> Any:
        """What was weighted is the mean already."""
        return sums["mean"]


class LossNotFinite(NonFiniteError):
    """Raised within a step, before the state changes."""


def _refuse_not_finite(loss: np.ndarray[Any, Any]) -> None:
    if not math.isfinite(loss):
        raise LossNotFinite(f"a loss of {float(loss)}")


@dataclass
class Graphs:
    """What a trainer compiles, each part when it is first needed."""

    model: Callable[..., Any]
    loss: Loss
    measures: Sequence[Measure]
    optimizer: Optimizer
    state: State
    executor: Executor
    seed: int
    guarded: bool  # refuse a loss that is not finite
    x: Structure
    y: Structure | None
    weighted: bool
    frozen: frozenset[int]  # the layers that are not trained
    _built: dict[str, Function] = field(default_factory=dict, repr=False)

    @property
    def step(self) -> Function:
        """The training step: loss and measures, and the updates."""
        return self._once("step", self._step)

    @property
    def evaluation(self) -> Function:
        """Loss and measures of a batch."""
        return self._once("evaluation", self._evaluation)

    @property
    def prediction(self) -> Function:
        """What the model makes of a batch of x."""
        return self._once("prediction", self._prediction)

    def _once(self, name: str, build: Callable[[], Function]) -> Function:
        if name not in self._built:
            self._built[name] = build()
        return self._built[name]

    def _step(self) -> Function:
        outputs, loss, inputs = self._outputs(training=True)
        if self.guarded:
            outputs = outputs | {LOSS: tap(loss, _refuse_not_finite, LOSS)}
        return self._compiled(outputs, inputs, updates=self.optimizer.minimize(loss))

    def checked_step(self, state: State) -> Function:
        """The step on another state, every node of which is looked at."""
        outputs, loss, inputs = self._outputs(training=True)
        updates = self.optimizer.minimize(loss)
        return compile(outputs, updates, list(inputs.values()), state, self.seed, self.executor, check=True)

    def _evaluation(self) -> Function:
        outputs, _, inputs = self._outputs(training=False)
        return self._compiled(outputs, inputs)

    def _prediction(self) -> Function:
        inputs = self.x.inputs()
        return self._compiled(self._predicted(inputs, training=False), inputs)

    @property
    def states(self) -> dict[str, Value]:
        """The state variables of the training step and the evaluation."""
        return self.step.graph.states | self.evaluation.graph.states

    @property
    def weights(self) -> tuple[str, ...]:
        """The state variables that a prediction reads."""
        return tuple(self.prediction.graph.states)

    def _compiled(self, outputs: Any, inputs: Mapping[str, Value], updates: Any = ()) -> Function:
        fed = list(inputs.values())
        return compile(outputs, updates, fed, self.state, self.seed, self.executor)

    def _predicted(self, inputs: Mapping[str, Value], training: bool) -> Any:
        data = self.x.assembled(list(inputs.values()))
        options = {"training": training} if takes_training(self.model) else {}
        named = data if self.x.form == "dict" else {}
        placed = [] if named else list(data) if self.x.form == "tuple" else [data]
        do = "It is called on x: an array is one value, a tuple several, a dict values by name."
        require_fit(self.model, "the model", placed, named | options, do)
        found = self.model(*placed, **named, **options)
        if found is None:
            found, needed = "a model that returned None", "a graph value, or a dict or tuple of them"
            raise GraphError(explain(found, needed, here(), "Does it lack a return?"))
        return found

    def _outputs(self, training: bool) -> tuple[dict[str, Any], Value, dict[str, Value]]:
        """Loss and measures by name, the loss again, and the inputs."""
        with counting_draws():  # so that a step that is built again, to be looked at, drops out the same
            return self._built_outputs(training)

    def _built_outputs(self, training: bool) -> tuple[dict[str, Any], Value, dict[str, Value]]:
        inputs = self.x.inputs()
        prediction = self._predicted(inputs, training)
        compared = [prediction]
        if self.y is not None:
            targets = self.y.inputs()
            compared.append(self.y.assembled(list(targets.values())))
            inputs = inputs | targets
        if self.weighted:
            inputs[WEIGHTS] = input(WEIGHTS, (BATCH,), dtype_of_weights(self.x, self.y))
        loss = self._loss_of(compared, inputs.get(WEIGHTS))
        outputs: dict[str, Any] = {LOSS: loss}
        for measure in self.measures:
            do = "It takes the prediction and the target, which fit has no y for."
            require_fit(measure.parts, f"the metric {measure.name!r}, of which", compared, {}, do)
            if measure in metrics.METRICS.values():
                require_single(f"the metric {measure.name}", compared)
            for part, value in measure.parts(*compared).items():
                outputs[f"{measure.name}/{part}"] = value
        return outputs, loss, inputs

    def _loss_of(self, compared: Sequence[Any], weights: Value | None) -> Value:
        options = {} if weights is None else {"weights": _as_of(compared[0], weights)}
        do = "It takes the prediction, and the target where fit has y"
        do += ", and weights= where examples have weights." if options else "."
        require_fit(self.loss, "the loss", compared, options, do)
        if self.loss in losses.LOSSES.values():
            require_single(f"the loss {self.loss.__name__}", compared)
        loss = self.loss(*compared, **options)
        if not isinstance(loss, Value) or loss.shape:
            found = f"a loss of {loss.type}" if isinstance(loss, Value) else f"a loss that is {loss!r}"
            raise ShapeError(explain(found, "a scalar value, e.g. a mean over the batch", here()))
        return loss


def _as_of(prediction: Any, weights: Value) -> Value:
    """The weights in the dtype of a prediction, where that is one of floats."""
    floats = [value.dtype for value in values_in(prediction) if value.dtype.is_float]
    return weights.astype(floats[0]) if floats else weights


def takes_training(model: Callable[..., Any]) -> bool:
    """Whether a model is built differently for training: it takes the argument `training`."""
    try:
        parameters = inspect.signature(model).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def frozen_layers(model: object) -> frozenset[int]:
    """Which layers of a model are frozen; graphs that were built before that was changed are stale."""
    if not isinstance(model, Layer):
        return frozenset()
    return frozenset(id(layer) for layer in model.walk() if layer.frozen)


def find_loss(loss: str | Loss) -> Loss:
    """The loss of a name, or the function itself."""
    if callable(loss):
        return loss
    return losses.find(loss)


def find_measure(metric: Any) -> Measure:
    """The metric of a name, the metric itself, or a function as a mean over batches."""
    if isinstance(metric, str):
        return metrics.find(metric)
    if hasattr(metric, "parts") and hasattr(metric, "finish"):
        found: Measure = metric
        return found
    if not callable(metric):
        needed = "a name, a Metric, or a function (prediction, target) -> value"
        raise DTypeError(explain(f"the metric {metric!r}", needed, here()))
    return MeanOfBatches(getattr(metric, "__name__", type(metric).__name__), metric)


def find_measures(wanted: str | Sequence[Any]) -> list[Measure]:
    """The measures, of names that differ."""
    found = [find_measure(metric) for metric in ([wanted] if isinstance(wanted, str) else wanted)]
    return require_distinct(found)


def require_distinct(measures: list[Measure]) -> list[Measure]:
    """The measures. Raises GraphError where two have one name."""
    names = [LOSS, *[measure.name for measure in measures]]
    for name in names:
        if names.count(name) > 1:
            raise GraphError(explain(f"two metrics called {name!r}", "names that differ", here()))
    return measures
