"""Running a model in ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from ..errors import ExportError, FeedError, GraphError, explain
from .ends import PAIRING

if TYPE_CHECKING:
    import onnxruntime

QUIET = 3  # onnxruntime logs errors only
_NUMPY = {"float": "float32", "double": "float64"}

Array = np.ndarray[Any, Any]


class ReplayState(Mapping[str, Array]):
    """The state of a training step between its runs: reading gives a copy, assigning replaces.

    It starts as the model's defaults.
    """

    def __init__(self, arrays: Mapping[str, Array], to_value: Any) -> None:
        self._to_value = to_value
        self._types = {name: (array.dtype, array.shape) for name, array in arrays.items()}
        self.held = {name: to_value(array) for name, array in arrays.items()}  # onnxruntime's values

    def __getitem__(self, name: str) -> Array:
        return np.array(self.held[self._known(name)].numpy())

    def __setitem__(self, name: str, content: Any) -> None:
        self.update({name: content})

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)

    def update(self, contents: Mapping[str, Any]) -> None:
        """Replace several arrays; all are checked first. Raises GraphError for a name or shape that does
        not fit."""
        self.held |= {name: self._to_value(self._fitting(name, c)) for name, c in contents.items()}

    def _fitting(self, name: str, content: Any) -> Array:
        dtype, shape = self._types[self._known(name)]
        array = np.asarray(content)
        if array.shape != shape or not np.can_cast(array.dtype, dtype, "same_kind"):
            found = f"{array.dtype}{list(array.shape)} for state variable {name!r}"
            raise GraphError(explain(found, f"{dtype}{list(shape)}"))
        return np.array(array, dtype, order="C")

    def _known(self, name: str) -> str:
        if name not in self.held:
            known = ", ".join(self.held) or "none"
            raise GraphError(explain(f"no state variable {name!r}", f"one of: {known}"))
        return name


class Replay:
    """A model in an ONNX Runtime session on the CPU; takes feeds by name, returns outputs by name.

    A call of a training step's model is one step: it reads `state` and leaves the new state there, or the
    old one where it fails. `state` is empty for other models.
    """

    def __init__(self, session: onnxruntime.InferenceSession, state: Mapping[str, Array]) -> None:
        from onnxruntime import OrtValue

        self.session = session
        self._to_value = OrtValue.ortvalue_from_numpy
        self._dtypes = {feed.name: _numpy_dtype(feed.type) for feed in session.get_inputs()}
        self._pairs = _pairs(session.get_modelmeta().custom_metadata_map)
        following = set(self._pairs.values())
        names = [output.name for output in session.get_outputs()]
        self._outputs = [name for name in names if name not in following]
        self.state = ReplayState(state, self._to_value)

    def __call__(self, /, **feeds: Any) -> dict[str, Array]:
        """Run the model once; feeds are cast to the inputs' dtypes. Raises FeedError for wrong names."""
        if feeds.keys() != self._dtypes.keys():
            found, needed = (", ".join(sorted(names)) or "none" for names in (feeds, self._dtypes))
            raise FeedError(explain(f"feeds {found}", needed))
        arrays = {name: np.asarray(feed, self._dtypes[name], order="C") for name, feed in feeds.items()}
        if not self.state:
            return dict(zip(self._outputs, self.session.run(self._outputs, arrays), strict=True))
        values = {name: self._to_value(array) for name, array in arrays.items()}
        wanted = [*self._outputs, *self._pairs.values()]
        found_values = self.session.run_with_ort_values(wanted, {**values, **self.state.held})
        results = dict(zip(wanted, found_values, strict=True))
        self.state.held |= {name: results[new] for name, new in self._pairs.items()}
        return {name: np.array(results[name].numpy()) for name in self._outputs}

    def step(self, /, **feeds: Any) -> dict[str, Array]:
        """The same as a call."""
        return self(**feeds)


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
        raise ExportError(
            explain("a model that onnxruntime refuses", "one that it can run", do=str(error).strip())
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
