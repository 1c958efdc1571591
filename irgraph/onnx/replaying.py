"""Running a model in ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from ..errors import ExportError, FeedError, GraphError, explain
from ..origin import here
from .ends import PAIRING

if TYPE_CHECKING:
    import onnxruntime

QUIET = 3  # onnxruntime logs errors only
_NUMPY = {"float": "float32", "double": "float64"}

Array = np.ndarray[Any, Any]


class ReplayState(Mapping[str, Array]):
    """The state of a training step between its runs: reading gives a copy, assigning writes in place.

    It starts as the model's defaults. There are two memories for what a step updates: each step reads one
    and writes the other, so that one that fails changes nothing.
    """

    def __init__(self, arrays: Mapping[str, Array], updated: Collection[str]) -> None:
        first = {name: np.array(array, order="C") for name, array in arrays.items()}
        self.sides = (first, first | {name: np.empty_like(first[name]) for name in updated})
        self.side = 0  # the one that holds the state

    def __getitem__(self, name: str) -> Array:
        return self._held(name).copy()

    def __setitem__(self, name: str, content: Any) -> None:
        self.update({name: content})

    def __iter__(self) -> Iterator[str]:
        return iter(self.sides[0])

    def __len__(self) -> int:
        return len(self.sides[0])

    def update(self, contents: Mapping[str, Any]) -> None:
        """Write several arrays; all are checked before the first is written.

        Raises GraphError for a name, shape or dtype that does not fit.
        """
        ready = {name: self._fitting(name, content) for name, content in contents.items()}
        for name, array in ready.items():
            self.sides[self.side][name][...] = array

    def __repr__(self) -> str:
        rows = [f"  {name}: {array.dtype}{list(array.shape)}" for name, array in self.sides[0].items()]
        return "\n".join(["ReplayState {", *rows, "}"])

    def _fitting(self, name: str, content: Any) -> Array:
        held, array = self._held(name), np.asarray(content)
        if array.shape != held.shape or not np.can_cast(array.dtype, held.dtype, "same_kind"):
            found = f"{array.dtype}{list(array.shape)} for state variable {name!r}"
            raise GraphError(explain(found, f"{held.dtype}{list(held.shape)}"))
        return array

    def _held(self, name: str) -> Array:
        if name not in self.sides[0]:
            known = ", ".join(self.sides[0]) or "none"
            raise GraphError(explain(f"no state variable {name!r}", f"one of: {known}"))
        return self.sides[self.side][name]


class Replay:
    """A model in an ONNX Runtime session on the CPU; takes feeds by name, returns outputs by name.

    A call of a training step's model is one step: it reads `state` and leaves the new state there, or the
    old one where it fails. `state` is empty for other models.
    """

    def __init__(self, session: onnxruntime.InferenceSession, state: Mapping[str, Array]) -> None:
        low = [
            each.name for each in (*session.get_inputs(), *session.get_outputs()) if "bfloat16" in each.type
        ]
        if low:
            raise ExportError(
                explain(
                    f"bfloat16 at {', '.join(low)}",
                    "another dtype at the ends: onnxruntime takes no such arrays from Python",
                    do="Cast the inputs and outputs to float32 within the graph.",
                )
            )
        self.session = session
        self._dtypes = {feed.name: _numpy_dtype(feed.type) for feed in session.get_inputs()}
        pairs = _pairs(session.get_modelmeta().custom_metadata_map)
        names = [output.name for output in session.get_outputs()]
        self._outputs = [name for name in names if name not in pairs.values()]
        self._updated = len(pairs)
        self.state = ReplayState(state, pairs.keys())
        self._bindings = [self._bound(pairs, side) for side in (0, 1)] if state else []

    def _bound(self, pairs: Mapping[str, str], side: int) -> onnxruntime.IOBinding:
        """Inputs and outputs of a step that reads the state on one side: no copy is made of it."""
        binding = self.session.io_binding()
        for name, array in self.state.sides[side].items():
            binding.bind_input(name, *_memory(array))
        for name, new in pairs.items():
            binding.bind_output(new, *_memory(self.state.sides[1 - side][name]))
        return binding

    def __call__(self, /, **feeds: Any) -> dict[str, Array]:
        """Run the model once; feeds are cast to the inputs' dtypes. Raises FeedError for wrong names."""
        if feeds.keys() != self._dtypes.keys():
            found, needed = (", ".join(sorted(names)) or "none" for names in (feeds, self._dtypes))
            raise FeedError(explain(f"feeds {found}", needed))
        arrays = {name: np.asarray(feed, self._dtypes[name], order="C") for name, feed in feeds.items()}
        if not self._bindings:
            return dict(zip(self._outputs, self.session.run(self._outputs, arrays), strict=True))
        binding = self._bindings[self.state.side]
        for name, array in arrays.items():
            binding.bind_input(name, *_memory(array))
        for name in self._outputs:
            binding.bind_output(name)  # anew, as its shape may be another
        self.session.run_with_iobinding(binding)
        self.state.side = 1 - self.state.side
        found = binding.get_outputs()[self._updated :]  # in the order in which they were bound first
        return {name: value.numpy().copy() for name, value in zip(self._outputs, found, strict=True)}

    def step(self, /, **feeds: Any) -> dict[str, Array]:
        """The same as a call."""
        return self(**feeds)


def _memory(array: Array) -> tuple[str, int, int, tuple[int, ...], int]:
    """Where an array lies, as ONNX Runtime is told: device, its number, element type, shape, address."""
    return "cpu", 0, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.ctypes.data


def _pairs(properties: Mapping[str, str]) -> dict[str, str]:
    return dict(json.loads(properties.get(PAIRING, "{}")))


def _numpy_dtype(spelled: str) -> str:
    inner = spelled.removeprefix("tensor(").removesuffix(")")
    return _NUMPY.get(inner, inner)


def has_runtime() -> bool:
    """Whether onnxruntime can be imported."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


def replay(model: onnx.ModelProto | str | PathLike[str]) -> Replay:
    """The model, or the file that it is in, as a function that ONNX Runtime runs.

    The model of a training step holds its state between calls, starting from what was exported:
    `run(x=…)` is a step, `run.state["w"]` what `w` is after it.

    Raises ExportError where onnxruntime is not installed or refuses the model.

    >>> import irgraph as ig
    >>> model = ig.onnx.to_model({"y": ig.input("x", ("n",)) * 2})
    >>> replay(model)(x=[1.0, 2.0])
    {'y': array([2., 4.], dtype=float32)}
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ExportError(
            explain("no onnxruntime", "it, to replay a model", do='Run: pip install "irgraph[runtime]"')
        ) from error
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(Path(model))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, one for each status code
        words = str(error).strip()
        if "NOT_IMPLEMENTED" in words:
            words += "\n  For another runtime, irgraph.onnx.save(..., check=False) writes it unchecked."
        raise ExportError(
            explain("a model that onnxruntime refuses", "one that it can run", here(), words)
        ) from error
    return Replay(session, _defaults(session, model))


def _defaults(
    session: onnxruntime.InferenceSession, model: onnx.ModelProto | str | PathLike[str]
) -> dict[str, Array]:
    """What the inputs with a default start from; a session does not tell."""
    names = {value.name for value in session.get_overridable_initializers()}
    if not names:
        return {}
    proto = model if isinstance(model, onnx.ModelProto) else onnx.load(Path(model))
    return {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer if t.name in names}
