"""What a layer is: a function of values that owns named parameters."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import checked
from ..dims import Size
from ..errors import DTypeError, GraphError, IrgraphError, ShapeError, explain
from ..init import Initializer
from ..ops.operands import as_value
from ..ops.random import RandomStream
from ..ops.sources import Parameter, parameter
from ..origin import Origin, built_where_made, here
from ..types import TensorType, as_dtype, float32, format_shape
from ..value import Value
from .arguments import NO_VALUES, listed, require_mode, returned, unfit
from .calls import Call, current, running
from .naming import is_trainable, known_sizes
from .tree import InTree

if TYPE_CHECKING:
    from pathlib import Path

    from ..state import State
    from .summary import ModelSummary

Init = Initializer | np.ndarray | float | None


class Layer(InTree, ABC):
    """A function of values that owns parameters. Calling it twice shares them.

    `layer(x)` builds nodes and returns their value. Parameters are made at the first call, when the
    input's size is known, and are named by the layer's path: `hidden.w`, or `net.0.w` in a container. A layer
    without a name is called as its container calls it (a position, an attribute), and by its class where it
    has none. Two layers of one name on one graph are an error, not shared weights; on one state they are the
    same layer, built anew, and a shape that differs is an error.

    `training=` is fixed when a graph is built: `layer(x, training=True)` drops out and uses the batch's
    statistics. Inside another layer's call it is that call's, elsewhere False.

    An own layer is a function of others (`irgraph.nn.Block`), or a subclass that states `forward`:

    >>> import irgraph as ig
    >>> class Scale(Layer):
    ...     def forward(self, x):
    ...         return x * self.parameter("factor", x.shape[1:], init=2.0)
    >>> layer = Scale("twice")
    >>> f = ig.compile(layer(ig.input("x", ("batch", 2))))
    >>> f(x=[[1.0, 2.0]]), list(layer.parameters)
    (array([[2., 4.]], dtype=float32), ['twice.factor'])
    """

    input_shape: tuple[Size, ...] | None = None  # of one example, where the user said it

    _made_at: Origin  # the user's line
    _frozen: bool = False
    _called_on: tuple[TensorType, ...] = ()  # at the first call
    _own: dict[str, Value]  # by the name within the layer
    _as_frozen: dict[Value, Value]
    _streams: dict[str, RandomStream]

    def __new__(cls, *arguments: Any, **keywords: Any) -> Layer:
        if inspect.isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            found, needed = f"the layer {cls.__name__} without {missing}", "a method that gives its values"
            raise DTypeError(explain(found, needed, here(), "Write def forward(self, x)."))
        layer = super().__new__(cls)
        layer._own, layer._as_frozen, layer._streams = {}, {}, {}
        object.__setattr__(layer, "_made_at", here())
        return layer

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__init__" in cls.__dict__:
            cls.__init__ = checked(cls.__init__)  # type: ignore[method-assign]

    @abstractmethod
    def forward(self, *values: Any, **options: Any) -> Any:
        """The layer's values of its inputs. Called by `layer(…)`, never directly."""

    @built_where_made
    def __call__(self, *values: Any, training: bool | None = None, **options: Any) -> Any:
        """Build the layer on values (arrays become constants).

        Raises what its ops raise, with the layer's path, its inputs, and the layers that made them.
        """
        require_mode(training)
        given = [
            as_value(value) if not isinstance(value, Mapping | list | tuple) else value for value in values
        ]
        with running(Call(self, tuple(given), training)) as call:
            try:
                result = self.forward(*given, **options)
            except IrgraphError as error:
                raise call.located(error) from None
            except (AttributeError, TypeError) as error:
                message = unfit(self, given, options) or listed(self, given)
                if message is None:
                    raise
                raise call.located(DTypeError(message)) from error
            if result is None or isinstance(result, NO_VALUES):
                raise call.located(GraphError(returned(type(self).__name__, result)))
            plain = [value.type for value in given if isinstance(value, Value)]
            if not self._called_on and len(plain) == len(given):
                self._called_on = tuple(plain)
            return call.finished(result)

    # ------------------------------------------------------------------------ for subclasses

    @property
    def training(self) -> bool:
        """Whether the call that runs builds a training graph."""
        call = current()
        return call is not None and call.training

    def parameter(
        self,
        name: str,
        shape: Sequence[Size],
        init: Init = None,
        *,
        dtype: object = None,
        trainable: bool = True,
    ) -> Value:
        """The layer's parameter of this name, made at the first call; in the dtype of the layer's input.

        Raises ShapeError where it was made with another shape: the layer was built for other inputs.
        """
        path = self.path_of(name)
        kind = as_dtype(dtype) if dtype is not None else self._dtype()
        made = self._own.get(name)
        if made is None:
            self._fix_paths()
            made = self._own[name] = parameter(path, known_sizes(shape, path), kind, init, trainable)
        elif made.shape != tuple(shape):
            raise ShapeError(
                explain(
                    f"an input that needs {path!r} of shape {format_shape(tuple(shape))}",
                    f"one for {format_shape(made.shape)}, of which the layer was built before",
                    here(),
                    "Make another layer for it: calls of one layer share its parameters.",
                )
            )
        return self._frozen_or(made)

    def state(self, name: str, shape: Sequence[Size], init: Init = None, *, dtype: object = None) -> Value:
        """A state variable of the layer that no optimizer trains: a running mean, a counter."""
        return self.parameter(name, shape, init, dtype=dtype, trainable=False)

    def random_stream(self, name: str) -> RandomStream:
        """The layer's random stream of this name: every call of the layer draws other numbers from it."""
        if name not in self._streams:
            self._fix_paths()
            self._streams[name] = RandomStream(self.path_of(name))
        return self._streams[name]

    # ------------------------------------------------------------------------ the variables

    @property
    def parameters(self) -> Mapping[str, Value]:
        """The parameters that exist so far, by path, those of the parts included; frozen ones too."""
        return self._variables(trained=True)

    @property
    def states(self) -> Mapping[str, Value]:
        """The other state variables that exist so far, by path: running means, fitted statistics."""
        return self._variables(trained=False)

    def _variables(self, trained: bool) -> Mapping[str, Value]:
        return MappingProxyType(
            {
                str(value.node.op.label): layer._frozen_or(value)
                for layer in self.walk()
                for value in layer._own.values()
                if is_trainable(value) == trained
            }
        )

    def summary(
        self, *inputs: Any, training: bool = False, depth: int | None = None, **sizes: int
    ) -> ModelSummary:
        """A table of what a call consists of: a row for each call of a layer inside, and the totals.

        `inputs` are graph values, or shapes of one example, which get the named dim `batch`; none where the
        model was called before, or states `input_shape` or `input_dim`. `sizes` are numbers for named dims;
        the others stay names, and flops and bytes formulas of them. `depth` says how many levels of layers
        have rows. Shared parameters count once. The layer stays as it was: nothing is built or drawn.

        Raises GraphError without a shape, FeedError for a size of an unknown name, and what the call raises.

        >>> import irgraph as ig
        >>> model = ig.nn.Sequential([ig.nn.Dense(128, "relu", input_dim=784), ig.nn.Dense(10)], name="net")
        >>> print(model.summary(batch=32))
        layer  class  output            parameters      flops    bytes
        net.0  Dense  float32[32, 128]     100,480  6,430,720  584,192
        net.1  Dense  float32[32, 10]        1,290     82,240   25,384
        --------------------------------------------------------------
        total         101,770 trained      101,770  6,512,960  609,576
        """
        from .summary import summarize

        return summarize(self, inputs, training, depth, sizes)

    def save_weights(self, path: str | Path, state: State) -> Path:
        """Save the layer's parameters and states to a folder; the path of the new checkpoint.

        They are read from `state`, as it is now; what was saved there before is kept until the new one is
        whole. Raises GraphError where the layer has no variables yet or the state lacks them, CheckpointError
        where it can't be written.

        >>> import tempfile
        >>> import irgraph as ig
        >>> hidden = ig.nn.Dense(2, weight_init=1.0, name="hidden")
        >>> f = ig.compile(hidden(ig.input("x", ("batch", 1))))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = hidden.save_weights(folder, f.state)
        ...     f.state["hidden.w"] = [[5.0, 6.0]]
        ...     hidden.load_weights(folder, f.state)
        >>> f(x=[[3.0]])
        array([[3., 3.]], dtype=float32)
        """
        from .storing import save_weights

        return save_weights(self, path, state)

    def load_weights(self, path: str | Path, state: State) -> None:
        """Load the layer's parameters and states into `state`, from what `save_weights` wrote.

        The file may be of this layer, of one that it is a part of, or of one built alike under another path;
        or a checkpoint of a whole state. All other variables stay. Raises CheckpointError for another layer's
        file, with what is missing, what is unexpected and which types differ, and for a damaged one; the
        state is as before then.
        """
        from .storing import load_weights

        load_weights(self, path, state)

    # ------------------------------------------------------------------------ freezing

    def freeze(self) -> Layer:
        """No longer train this layer and its parts, in graphs that are built from now on. Returns the layer.

        Frozen parameters are read as before, and optimizers leave them alone. Graphs that exist stay as they
        are; a frozen and a trained reading of one parameter on one graph are refused.

        >>> import irgraph as ig
        >>> features, classifier = ig.nn.Dense(4, name="features"), ig.nn.Dense(2, name="classifier")
        >>> y = classifier(features.freeze()(ig.input("x", ("batch", 3)))).sum()
        >>> [str(variable.label) for variable, _ in ig.optim.SGD(0.1).minimize(y)]
        ['classifier.w', 'classifier.b']
        """
        for layer in self.walk():
            layer._frozen = True
        return self

    def unfreeze(self) -> Layer:
        """Train this layer and its parts again, in graphs that are built from now on. Returns the layer."""
        for layer in self.walk():
            layer._frozen = False
        return self

    @property
    def frozen(self) -> bool:
        """Whether graphs that are built now do not train this layer."""
        return self._frozen

    def _frozen_or(self, made: Value) -> Value:
        op = made.node.op
        if not (self._frozen and isinstance(op, Parameter) and op.trainable):
            return made
        if made not in self._as_frozen:
            self._as_frozen[made] = Parameter(op.key, op.type, op.init, trainable=False)()
        return self._as_frozen[made]

    def _dtype(self) -> object:
        call = current()
        return call.dtype if call is not None else float32

    def __repr__(self) -> str:
        shown = [f"{key}={value!r}" for key, value in vars(self).items() if _is_shown(key, value)]
        return f"{type(self).__name__}({', '.join(shown)})"


def _is_shown(key: str, value: object) -> bool:
    return not key.startswith("_") and value is not None and value is not False


__all__ = ["Init", "Layer"]
