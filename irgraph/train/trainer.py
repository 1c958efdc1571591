"""The trainer: a model, a loss, an optimizer and data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import checked
from ..compiler.protocol import Executor
from ..errors import DTypeError, GraphError, IrgraphError, explain
from ..executor import as_executor
from ..function import Function
from ..optim.optimizer import Optimizer
from ..optim.wrapping import accumulate as accumulate_gradients
from ..origin import here
from ..state import State
from ..types import as_dtype
from . import storage
from .callbacks import Callback
from .data import ArrayBatches, Source, common_length
from .fitting import Fit, told_example
from .graphs import LOSS, Graphs, frozen_layers
from .history import History
from .joining import joined
from .outputs import loss_of, measures_of
from .position import Position, data_form, keyed, packed, require_same_source, require_training, unpack
from .progress import find_progress
from .requirements import require_not_running, require_parts
from .restarts import fit_from_each, require_restarts
from .sources import Given, require_size, sources
from .structure import Structure
from .sums import Sums

Array = np.ndarray[Any, Any]


class Trainer:
    """Trains a model: a layer, or any function of values.

    `loss` is a name of `irgraph.losses` or a function (prediction, target) -> scalar value, a mean over the
    batch. `metrics` are names of `irgraph.metrics`, metrics, or functions as the loss is. Of a model that
    returns a dict, both may be dicts by the same keys, as y is: the losses (or pairs of a loss and a factor)
    are added, and a metric is called `key.name`. A model that takes
    `training` is built with True for the step, with False to evaluate and predict. `seed` gives initial
    values, random streams and the order of the examples: the same seed, the same numbers.

    Floats of the data become `dtype` (None: as they are). `accumulate=k` applies the mean gradient of k
    batches at a time. A step with a loss that is not finite is refused unless `check_finite` is False;
    `check_data` looks for NaN and inf in arrays before training.

    `state` is the `State` of all variables, `step` the compiled training step, `prediction` the compiled
    model, `history` the last training's.

    >>> import irgraph as ig
    >>> def line(x):
    ...     return x @ ig.parameter("slope", (1,)) + ig.parameter("offset", ())
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> trainer = Trainer(line, "squared_error", ig.optim.SGD(0.5))
    >>> history = trainer.fit(x, 3 * x[:, 0] + 1, batch_size=None, epochs=60, progress=False)
    >>> float(trainer.state["slope"][0].round(3)), float(trainer.state["offset"].round(3))
    (3.0, 1.0)
    """

    @checked
    def __init__(
        self,
        model: Callable[..., Any],
        loss: str | Callable[..., Any] | Mapping[str, Any],
        optimizer: Optimizer,
        metrics: str | Sequence[Any] | Mapping[str, Any] = (),
        *,
        seed: int = 0,
        executor: str | Executor = "numpy",
        state: State | None = None,
        accumulate: int = 1,
        dtype: str | None = "float32",
        check_finite: bool = True,
        check_data: bool = True,
    ) -> None:
        require_parts(model, optimizer, state)
        if accumulate < 1:
            raise GraphError(explain(f"accumulate={accumulate}", "at least 1 batch", here()))
        if dtype is not None and not as_dtype(dtype).is_float:
            raise DTypeError(explain(f"dtype={dtype!r}", "a float dtype, or None", here()))
        self.model = model
        self.loss = loss_of(loss)
        self.metrics = measures_of(metrics)
        self.optimizer = optimizer if accumulate == 1 else accumulate_gradients(optimizer, accumulate)
        self.seed = seed
        self.executor = as_executor(executor)
        self.state = State(self.executor.to_device, self.executor.to_host) if state is None else state
        self.dtype = dtype
        self.check_finite = check_finite
        self.check_data = check_data
        self.history = History()
        self.interrupted = False
        self.position = Position()
        self.sums = Sums(self.metrics, self.executor.to_host)
        self.callbacks: Sequence[Callback] = ()
        self.resumed: dict[str, Mapping[str, Any]] | None = None  # what callbacks go on from
        self.source_form: Mapping[str, Any] = {}
        self._graphs: Graphs | None = None
        self._running = False
        self.told: tuple[str, ...] = ()  # the names of the values of an epoch

    # -------------------------------------------------------------------------------- training

    @checked
    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int | None = 32,
        epochs: int = 1,
        validation: Any = None,
        validation_split: float = 0.0,
        callbacks: Sequence[Callback] = (),
        shuffle: bool = True,
        drop_last: bool = False,
        steps_per_epoch: int | None = None,
        weights: Any = None,
        resume: str | Path | None = None,
        restarts: int = 1,
        progress: bool = True,
    ) -> History:
        """Train for some epochs; the values of each epoch.

        `x` and `y` are arrays, or dicts or tuples of arrays, with examples along the first axis; or `x` is an
        iterable of batches (x, y), or a function of the epoch's number, from 0, that returns one.
        `batch_size=None` is the full batch, 1 is stochastic. The last batch is smaller where the examples do
        not divide evenly, unless `drop_last`. The order is a function of the trainer's seed and the epoch.
        `weights` multiply the losses of the examples. `validation` is (x, y), or an iterable of batches;
        `validation_split` holds out that fraction of the arrays, drawn by the seed.

        `resume` goes on from the newest whole checkpoint of a folder to epoch `epochs`, as if nothing had
        happened: bit for bit. Without a checkpoint there it starts.

        `restarts` trains as often, from the initial values of the trainer's seed and of the next ones, and
        keeps the state of the smallest validation loss, or loss where there is no validation.

        Ctrl-C stops after the step that runs, and returns the history so far; a second one raises.

        Raises FeedError for data that are empty, of different lengths, or not finite, and for an iterable
        that ends early; NonFiniteError, naming the first node and its line, for a loss that is not finite.
        State and history are then those after the last whole step.
        """
        require_not_running(self._running)
        epochs = index(epochs)
        if epochs < 0:
            raise GraphError(explain(f"epochs={epochs}", "at least 0", here()))
        given = Given(x, y, weights, batch_size, shuffle, drop_last, steps_per_epoch)
        source, held_out = sources(self, given, validation, validation_split)
        self.callbacks = sorted(callbacks, key=lambda callback: callback.last)
        if restarts != 1:
            require_restarts(restarts, resume, source)
            scored = source if held_out is None else held_out
            return fit_from_each(
                self,
                restarts,
                lambda: self._run(source, held_out, epochs, progress),
                lambda: float(self._evaluated(scored)["loss"]),
            )
        if resume is not None and storage.exists(resume):
            self.resume(resume)
        elif self.resumed is None:
            self.restart()
        return self._run(source, held_out, epochs, progress)

    def _run(self, source: Source, held_out: Source | None, epochs: int, progress: bool) -> History:
        """Train from the position, on which the callbacks were told to go on."""
        if self.resumed is not None:
            require_same_source(self.source_form, source.described(), self.position.step)
        self.source_form = source.described()
        names = (LOSS, *[measure.name for measure in self.metrics])
        self.told = names if held_out is None else names + tuple(f"val_{name}" for name in names)
        for callback in self.callbacks:
            callback.on_fit_begin(self)
        for key, callback in keyed(self.callbacks).items():
            if self.resumed is not None and key in self.resumed:
                callback.restore(self.resumed[key])
        self.resumed = None
        evaluate = None if held_out is None else lambda: self._evaluated(held_out)
        last = self.position.first + epochs
        self._running = True
        try:
            Fit(self, source, evaluate, last, self.callbacks, find_progress(progress)).run()
        finally:
            self._running = False
        return self.history

    def restart(self, epoch: int | None = None) -> None:
        """Start a training with a new history at an epoch, by default the next one."""
        done = self.position
        first = done.epoch + (done.step > 0) if epoch is None else epoch
        self.position = Position(first, 0, done.steps, first)
        self.history = History()
        self.sums.clear()

    def stop(self, reason: str) -> None:
        """End training after this step or epoch: for callbacks. The history keeps the reason."""
        self.position.stopped = reason

    # ----------------------------------------------------------------------- evaluate, predict

    @checked
    def evaluate(
        self, x: Any, y: Any = None, *, batch_size: int | None = 256, weights: Any = None
    ) -> dict[str, Any]:
        """The loss and the metrics of all examples: the same whatever the batch size, up to rounding.

        Data are given as to `fit`. Nothing is written to the state.
        """
        given = Given(x, y, weights, batch_size, shuffle=False, drop_last=False, steps=None)
        source, _ = sources(self, given, None, 0.0)
        return self._evaluated(source)

    def _evaluated(self, source: Source) -> dict[str, Any]:
        sums, function = Sums(self.metrics, self.executor.to_host), self.graphs.evaluation
        for feeds, count, weight in source.epoch(0):
            try:
                sums.add(function(**feeds), count, weight)
            except IrgraphError as error:
                error.add_note("  in an evaluation" + told_example(source, error))
                raise
        return sums.results()

    @checked
    def predict(self, x: Any, *, batch_size: int | None = 256) -> Any:
        """What the model makes of the examples, batch after batch: an array, or what the model returns with
        arrays in it. Raises ShapeError where a result has no batch in front.
        """
        form, _ = self.fitted(Structure.of(x, "x", self.dtype), None)
        arrays = form.arrays(x, "the data")
        count = common_length(arrays, "the data")
        require_size(batch_size)
        batches = ArrayBatches(arrays, batch_size or count, False, False, self.seed)
        parts = [self.graphs.prediction(**feeds) for feeds, *_ in batches.epoch(0)]
        return joined(parts, batches.batch_size, self.executor.to_host)

    # ----------------------------------------------------------------------------- checkpoints

    @checked
    def save(self, folder: str | Path, keep: int = 2) -> Path:
        """Save everything: variables, position, history, what callbacks count. `resume` goes on from it."""
        return storage.save(folder, *packed(self), keep)

    @checked
    def resume(self, path: str | Path) -> None:
        """Put everything back as it was saved; the next `fit` goes on from there.

        `path` is a folder, of which the newest whole checkpoint is taken, or the JSON file of one. A trainer
        that has seen no data is built from it. Raises CheckpointError, and changes nothing, for a checkpoint
        that is damaged or of another model.
        """
        found = storage.load(path)
        require_training(found)
        self.fitted(*data_form(found.metadata))
        self.graphs.step  # noqa: B018  # which admits the optimizer's variables to the state
        unpack(self, found)

    # -------------------------------------------------------------------------------- the parts

    def fitted(
        self, x: Structure, y: Structure | None, weighted: bool = False
    ) -> tuple[Structure, Structure | None]:
        """Have graphs for data of this form, and the form that the first data had, which later ones need."""
        graphs = self._graphs
        frozen = frozen_layers(self.model)
        needs_y = graphs is not None and graphs.y is None and y is not None
        needs_weights = graphs is not None and weighted and not graphs.weighted
        if graphs is None or needs_y or needs_weights or graphs.frozen != frozen:
            form = (x, y) if graphs is None else (graphs.x, y if graphs.y is None else graphs.y)
            self._graphs = Graphs(
                self.model,
                self.loss,
                self.metrics,
                self.optimizer,
                self.state,
                self.executor,
                self.seed,
                self.check_finite,
                *form,
                weighted or (graphs is not None and graphs.weighted),
                frozen,
            )
        return self.graphs.x, self.graphs.y if y is not None else None

    @property
    def graphs(self) -> Graphs:
        """The compiled graphs. Raises GraphError before there were data to build them for."""
        if self._graphs is None:
            do = "Call fit, evaluate or resume first."
            raise GraphError(
                explain("a trainer that has seen no data", "data to build the model for", here(), do)
            )
        return self._graphs

    @property
    def data_form(self) -> tuple[Structure, Structure | None, bool]:
        """The structures of x and y, and whether examples have weights."""
        return self.graphs.x, self.graphs.y, self.graphs.weighted

    @property
    def step(self) -> Function:
        """The compiled training step: fed a batch, it returns the loss and the parts of the metrics."""
        return self.graphs.step

    @property
    def prediction(self) -> Function:
        """The compiled model for prediction, on the trainer's state: `irgraph.onnx.save` takes it."""
        return self.graphs.prediction

    @property
    def variables(self) -> tuple[str, ...]:
        """The state variables of the training step and the evaluation. A shared state may have others."""
        return tuple(self.graphs.states)

    def weights(self) -> dict[str, Array]:
        """Copies of the variables that a prediction reads."""
        return {name: self.state[name] for name in self.graphs.weights}
