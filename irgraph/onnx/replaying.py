"""Running a model in ONNX Runtime."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from ..errors import ExportError, FeedError, explain

if TYPE_CHECKING:
    import onnxruntime

QUIET = 3  # onnxruntime logs errors only
_NUMPY = {"float": "float32", "double": "float64"}


class Replay:
    """A model in an ONNX Runtime session on the CPU; takes feeds by name, returns outputs by name."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self.session = session
        self._dtypes = {feed.name: _numpy_dtype(feed.type) for feed in session.get_inputs()}

    def __call__(self, /, **feeds: Any) -> dict[str, np.ndarray[Any, Any]]:
        """Run the model once; feeds are cast to the inputs' dtypes. Raises FeedError for wrong names."""
        if feeds.keys() != self._dtypes.keys():
            found, needed = (", ".join(sorted(names)) or "none" for names in (feeds, self._dtypes))
            raise FeedError(explain(f"feeds {found}", needed))
        arrays = {name: np.asarray(feed, self._dtypes[name]) for name, feed in feeds.items()}
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, arrays), strict=True))


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
    return Replay(session)
