"""State: an ordered map from name to array, shared by the functions that were compiled on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .attributes import attribute_text
from .errors import DTypeError, ExecutorError, GraphError, ShapeError, explain
from .init import Initializer, initial_array
from .ops.sources import Parameter
from .origin import here
from .types import TensorType, format_shape, numpy_kind, overflows
from .value import Value

Array = Any


class State(Mapping[str, np.ndarray[Any, Any]]):
    """Parameters, optimizer slots, counters, learning rates: what a step reads and commits.

    Reading gives a copy on the host; assigning writes in place, so that every function on this state
    sees it. Functions that share a state take turns on it.

    >>> import irgraph as ig
    >>> f = ig.compile(ig.parameter("w", (2,)) + 1.0)
    >>> f.state["w"] = [3.0, 4.0]
    >>> f()
    array([4., 5.], dtype=float32)
    """

    def __init__(
        self,
        to_device: Callable[[Any], Array] = np.array,
        to_host: Callable[[Array], np.ndarray[Any, Any]] = np.array,
    ) -> None:
        self._to_device = to_device
        self._to_host = to_host
        self._types: dict[str, TensorType] = {}
        self._inits: dict[str, Initializer] = {}
        self.arrays: dict[str, Array] = {}  # on the device; executors write here
        self.lock = threading.RLock()
        self.stepping = False  # within a step; read and set by the lock's holder only

    def require_idle(self, what: str) -> None:
        """Raise ExecutorError within a step, where the lock's holder is the step's own thread."""
        if self.stepping:
            raise ExecutorError(
                f"found {what} within a step on the same state, from a signal handler or a kernel; needed it "
                "between steps.\n  Note the wish there, and act on it after the step."
            )

    def admit(self, variables: Mapping[str, Value], seed: int) -> None:
        """Make room for the variables of a graph; those that are here keep their content.

        Raises GraphError where a name is here with another type, or, for what is not trained (a learning
        rate, a counter), with another start: two things would share it by accident.
        """
        for name, value in variables.items():
            known = self._types.get(name)
            op = value.node.op
            started = self._inits.get(name)
            if isinstance(op, Parameter) and not op.trainable and started and not op.init.agrees(started):
                raise GraphError(
                    explain(
                        f"the state variable {name!r}, which starts from {attribute_text(op.init, {})}",
                        f"{attribute_text(self._inits[name], {})}, as in the state",
                        value.node.origin,
                        "Give it a name of its own, e.g. SGD(0.1, name=...), or set it after compiling.",
                    )
                )
            if known is not None and known != value.type:
                raise GraphError(
                    explain(
                        f"the state variable {name!r} of type {value.type}",
                        f"{known}, which the state holds under that name",
                        value.node.origin,
                        "Rename it, or compile on a state of its own.",
                    )
                )
        for name, value in variables.items():
            if name not in self._types:
                op = value.node.op
                if not isinstance(op, Parameter):
                    raise GraphError(
                        explain(f"the state variable {op}", "irgraph.parameter or irgraph.state")
                    )
                self.arrays[name] = self._to_device(initial_array(name, op.type, op.init, seed))
                self._types[name] = op.type
                self._inits[name] = op.init

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        with self.lock:
            return self._to_host(self.arrays[self._known(name)])

    def __setitem__(self, name: str, content: Any) -> None:
        self.update({name: content})

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def update(self, contents: Mapping[str, Any]) -> None:
        """Write several variables; all are checked before the first is written.

        Raises GraphError for an unknown name, ShapeError or DTypeError for content that does not fit.
        """
        ready = {name: self._to_device(self._fitting(self._known(name), c)) for name, c in contents.items()}
        with self.lock:
            self.require_idle("a write")
            for name, array in ready.items():
                self.arrays[name][...] = array

    def type_of(self, name: str) -> TensorType:
        """The dtype and shape of a variable."""
        return self._types[self._known(name)]

    def _known(self, name: str) -> str:
        if name not in self._types:
            names = ", ".join(self._types) or "none"
            raise GraphError(explain(f"no state variable {name!r}", f"one of: {names}", here()))
        return name

    def _fitting(self, name: str, content: Any) -> np.ndarray[Any, Any]:
        type = self._types[name]
        array = np.asarray(content)
        if array.shape != type.shape:
            raise ShapeError(
                explain(
                    f"shape {array.shape} for state variable {name!r}", f"shape {format_shape(type.shape)}"
                )
            )
        wrong = misfit(array, type, lenient=not isinstance(content, (np.ndarray, np.generic)))
        if wrong:
            raise DTypeError(explain(f"{wrong[0]} for state variable {name!r}", wrong[1], here()))
        return array.astype(type.dtype.numpy)

    def __repr__(self) -> str:
        rows = [f"  {name}: {type}" for name, type in self._types.items()]
        return "\n".join(["State {", *rows, "}"])


def misfit(array: np.ndarray[Any, Any], type: TensorType, lenient: bool = False) -> tuple[str, str] | None:
    """Why an array may not be cast to a type, as what was found and what was needed; None where it may.

    It may where the kinds are equal or the cast is safe, all integers fit, and no finite number becomes
    infinite. `lenient` (for what was written as Python numbers) also takes integers for floats and for the
    other kind of integers.
    """
    wanted = type.dtype.numpy
    if lenient and array.size == 0:
        return None
    have, want = numpy_kind(array.dtype), numpy_kind(wanted)
    integers = have in "iu" and want in "iu"
    if np.can_cast(array.dtype, wanted, "safe") and (integers or have == want):
        return None
    as_number = lenient and ((have in "iu" and want in "iufc") or have + want == "fc")
    if have != want and not as_number:
        return f"dtype {array.dtype}", f"{type.dtype}, or another of its kind"
    if integers:
        limits = np.iinfo(wanted)
        beyond = (array < limits.min) | (array > limits.max)
        needed = f"{type.dtype}, from {limits.min} to {limits.max}"
    else:
        beyond = overflows(array, type.dtype)
        needed = f"{type.dtype}, whose largest number is {type.dtype.largest:.6g}"
    if not beyond.any():
        return None
    first = np.argwhere(beyond)[0]
    return f"the {'integer' if integers else 'number'} {array[tuple(first)]} at {first.tolist()}", needed
