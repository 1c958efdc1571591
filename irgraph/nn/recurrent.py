"""Recurrent layers: a cell goes along the second axis, as one `scan` however long that is.

The inputs of all steps meet their weights in one product before the loop; in it is what depends on the state.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np

from .. import init as initializers
from ..control_flow.tracing import scan
from ..dims import Dim, same_size
from ..errors import DTypeError, GraphError, ShapeError, explain
from ..ops.constants import zeros
from ..ops.operands import as_value
from ..ops.shape import Reshape, reshape, transpose
from ..ops.slicing import concatenate
from ..origin import here
from ..types import format_shape
from ..value import Value
from . import activations
from .dense import positive, require_features
from .layer import Init, Layer
from .weights import IN_OUT, in_layout

_GLOROT = initializers.glorot_uniform()
_ORTHOGONAL = initializers.orthogonal()

State = tuple[Value, ...]


class Recurrent(Layer):
    """What recurrent layers have in common: (batch, time, features) to (batch, units), the last output.

    With `return_sequences` the result is (batch, time, units), the output of each step; with `return_state`
    a pair of the result and the last state. `reverse` reads the sequence from its end, and each output stays
    at the position of its input. `layer(x, initial_state=state)` starts from a state such as `return_state`
    returns, else from zeros. Parameters: w (features, gates * units), from `weight_init`; recurrent_w (units,
    gates * units), from `recurrent_init`; b, from `bias_init`, unless `bias=False`.

    Raises ShapeError for an input without a time axis, and for a state of another shape.
    """

    gates: ClassVar[int]
    state_names: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        *,
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        return_sequences: bool = False,
        return_state: bool = False,
        reverse: bool = False,
        bias: bool = True,
        weight_init: Init = _GLOROT,
        recurrent_init: Init = _ORTHOGONAL,
        bias_init: Init = None,
        input_dim: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = positive("units", units)
        self.activation, self.recurrent_activation = activation, recurrent_activation
        self.return_sequences, self.return_state = return_sequences, return_state
        self.reverse, self.bias = reverse, bias
        self._weight_init, self._recurrent_init, self._bias_init = weight_init, recurrent_init, bias_init
        self._activate, self._gate = activations.find(activation), activations.find(recurrent_activation)
        if input_dim is not None:
            self.input_shape = (Dim.of("time"), positive("input_dim", input_dim))

    def forward(self, x: Value, initial_state: Any = None) -> Any:
        if x.ndim != 3:
            raise ShapeError(explain(f"{x!r}", "an input of (batch, time, features)", here()))
        features, wide = require_features(x, self.input_shape), self.gates * self.units
        batch, time, _ = x.shape
        w = self.parameter("w", (features, wide), in_layout(self._weight_init, IN_OUT))
        recurrent_w = self.parameter("recurrent_w", (self.units, wide), self._recurrent_init)
        steps = reshape(transpose(x, (1, 0, 2)), (time * batch, features)) @ w
        if self.bias:
            steps = steps + self.parameter("b", (wide,), self._initial_bias())
        cell = self._cell(recurrent_w)

        def step(state: State, z: Value) -> tuple[State, Value | None]:
            state = cell(state, z)
            return state, state[0] if self.return_sequences else None

        start = self._start(initial_state, x)
        last, hs = scan(step, start, reshape(steps, (time, batch, wide)), reverse=self.reverse)
        result = transpose(hs, (1, 0, 2)) if self.return_sequences else Reshape(last[0].shape)(last[0])
        if not self.return_state:
            return result
        return result, last if len(last) > 1 else last[0]

    def reversed(self) -> Self:
        """A new layer with the same options and parameters of its own, which reads from the other end."""
        other: Self = type(self).__new__(type(self))  # type: ignore[assignment]
        options = {key: value for key, value in vars(self).items() if key not in vars(other)}
        fresh = {"name": None, "_path": None, "_owner": None, "_frozen": False, "_called_on": ()}
        vars(other).update(options | fresh, reverse=not self.reverse)
        return other

    @abstractmethod
    def _cell(self, recurrent_w: Value) -> Any:
        """A function of a state and of what the inputs of a step contribute: the new state."""

    def _initial_bias(self) -> Init:
        return 0.0 if self._bias_init is None else self._bias_init

    def _start(self, given: Any, x: Value) -> State:
        shape = (x.shape[0], self.units)
        if given is None:
            return (zeros(shape, x.dtype),) * len(self.state_names)
        parts = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(parts) != len(self.state_names):
            needed = " and ".join(self.state_names)
            raise ShapeError(explain(f"an initial_state of {len(parts)} values", f"{needed}", here()))
        return tuple(self._checked(as_value(part, x.dtype), shape) for part in parts)

    def _checked(self, value: Value, shape: tuple[Any, ...]) -> Value:
        pairs = zip(value.shape, shape, strict=False)
        if value.ndim != 2 or any(same_size(a, b) is None for a, b in pairs) or value.shape[1] != shape[1]:
            needed = f"(batch, units), here {format_shape(shape)}"
            raise ShapeError(
                explain(f"an initial_state of shape {format_shape(value.shape)}", needed, here())
            )
        return value

    def _split(self, z: Value, count: int) -> list[Value]:
        """The first gates of what the last axis holds side by side."""
        return [z[:, n * self.units : (n + 1) * self.units] for n in range(count)]


class SimpleRNN(Recurrent):
    """h = activation(x @ w + h @ recurrent_w + b) for each step; see `Recurrent`.

    Elman, "Finding structure in time", Cognitive Science 1990.

    >>> import irgraph as ig
    >>> layer = SimpleRNN(4, return_sequences=True, name="rnn")
    >>> layer(ig.input("x", ("batch", "time", 3))).shape, list(layer.parameters)
    ((batch, time, 4), ['rnn.w', 'rnn.recurrent_w', 'rnn.b'])
    """

    gates: ClassVar[int] = 1

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        reverse: bool = False,
        bias: bool = True,
        weight_init: Init = _GLOROT,
        recurrent_init: Init = _ORTHOGONAL,
        bias_init: Init = None,
        input_dim: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            units,
            activation,
            recurrent_activation=None,
            return_sequences=return_sequences,
            return_state=return_state,
            reverse=reverse,
            bias=bias,
            weight_init=weight_init,
            recurrent_init=recurrent_init,
            bias_init=bias_init,
            input_dim=input_dim,
            name=name,
        )

    def _cell(self, recurrent_w: Value) -> Any:
        return lambda state, z: (self._activate(z + state[0] @ recurrent_w),)


class LSTM(Recurrent):
    """Long short-term memory; see `Recurrent`. The state is (h, c).

    i, f, o = recurrent_activation of their parts of z = x @ w + h @ recurrent_w + b, g = activation of its
    own; c = f * c + i * g; h = o * activation(c). The parts lie in the order i, f, g, o, as in torch and
    Keras. Biases start at 0, those of the forget gate f at 1 (Jozefowicz et al., ICML 2015), unless
    `bias_init` says otherwise. Hochreiter and Schmidhuber, Neural Computation 1997, with the forget
    gates of Gers et al., 2000.

    >>> import irgraph as ig
    >>> layer = LSTM(4, return_state=True, name="lstm")
    >>> y, (h, c) = layer(ig.input("x", ("batch", "time", 3)))
    >>> y.shape, c.shape, layer.parameters["lstm.w"].shape
    ((batch, 4), (batch, 4), (3, 16))
    """

    gates: ClassVar[int] = 4
    state_names: ClassVar[tuple[str, ...]] = ("h", "c")

    def _initial_bias(self) -> Init:
        if self._bias_init is not None:
            return self._bias_init
        return np.repeat(np.array([0.0, 1.0, 0.0, 0.0], "float32"), self.units)

    def _cell(self, recurrent_w: Value) -> Any:
        def cell(state: State, z: Value) -> State:
            h, c = state
            i, f, g, o = self._split(z + h @ recurrent_w, 4)
            c = self._gate(f) * c + self._gate(i) * self._activate(g)
            return self._gate(o) * self._activate(c), c

        return cell


class GRU(Recurrent):
    """Gated recurrent unit, with the reset gate after the product, as in torch and cuDNN; see `Recurrent`.

    r, z = recurrent_activation of their parts of x @ w + b + h @ recurrent_w + recurrent_b;
    n = activation(x @ w + b + r * (h @ recurrent_w + recurrent_b)) of its own; h = z * h + (1 - z) * n. The
    parts lie in the order r, z, n. Beside b there is a bias recurrent_b of the same size. Cho et al., EMNLP
    2014.

    >>> import irgraph as ig
    >>> layer = GRU(4, name="gru")
    >>> layer(ig.input("x", ("batch", "time", 3))).shape, list(layer.parameters)
    ((batch, 4), ['gru.w', 'gru.recurrent_w', 'gru.b', 'gru.recurrent_b'])
    """

    gates: ClassVar[int] = 3

    def _cell(self, recurrent_w: Value) -> Any:
        bias = self.parameter("recurrent_b", (3 * self.units,), self._initial_bias()) if self.bias else None

        def cell(state: State, inputs: Value) -> State:
            (h,) = state
            product = h @ recurrent_w
            if bias is not None:
                product = product + bias
            r, z, n = self._split(inputs, 3)
            from_r, from_z, from_n = self._split(product, 3)
            gate = self._gate(z + from_z)
            new = self._activate(n + self._gate(r + from_r) * from_n)
            return (gate * (h - new) + new,)

        return cell


class Bidirectional(Layer):
    """A recurrent layer and its mirror image, which has parameters of its own and reads from the end.

    Their outputs, both at the positions of their inputs, are put side by side on the last axis, or with
    `merge="sum"` or "mean" added up; `merge=None` gives both. Schuster and Paliwal, 1997.

    >>> import irgraph as ig
    >>> layer = Bidirectional(GRU(4, return_sequences=True), name="both")
    >>> y = layer(ig.input("x", ("batch", "time", 3)))
    >>> y.shape, list(layer.parameters)[0]
    ((batch, time, 8), 'both.forwards.w')
    """

    def __init__(
        self, layer: Recurrent, merge: str | None = "concatenate", *, name: str | None = None
    ) -> None:
        super().__init__(name)
        if not isinstance(layer, Recurrent) or layer.return_state:
            found = f"{layer!r} in both directions"
            raise DTypeError(explain(found, "a recurrent layer without return_state", here()))
        if merge not in ("concatenate", "sum", "mean", None):
            raise GraphError(explain(f"merge={merge!r}", '"concatenate", "sum", "mean" or None', here()))
        self.forwards, self.backwards, self.merge = layer, layer.reversed(), merge
        self.input_shape = layer.input_shape

    def forward(self, x: Value) -> Any:
        one, other = self.forwards(x), self.backwards(x)
        if self.merge is None:
            return one, other
        if self.merge == "concatenate":
            return concatenate([one, other], axis=-1)
        return one + other if self.merge == "sum" else (one + other) * 0.5
