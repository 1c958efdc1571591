"""Saving a model: checked, replayed, and never half a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import onnx

from ..errors import ExportError, explain
from ..origin import here
from ..state import State
from .comparing import choose_sizes, compare
from .exporting import SIZE_LIMIT, Model, resolve, to_model
from .replaying import has_runtime, replay


@dataclass(frozen=True)
class Report:
    """What was saved, and how it was tried.

    `compared` holds the sizes of the named dims at which ONNX Runtime gave the NumPy executor's results
    (empty: it was not asked); `difference` is the largest difference, in units of the larger of 1 and an
    output's largest magnitude.
    """

    path: Path
    opset: int
    nodes: int
    nbytes: int
    checked: bool
    compared: tuple[Mapping[str, int], ...]
    difference: float

    def __str__(self) -> str:
        text = f"{self.path}: opset {self.opset}, {self.nodes} nodes, {self.nbytes:,} bytes"
        if not self.checked:
            return f"{text}; not checked"
        if not self.compared:
            return f"{text}; well formed; not replayed, as onnxruntime is not installed"
        at = " and ".join(
            ", ".join(f"{n}={size}" for n, size in sizes.items()) for sizes in self.compared if sizes
        )
        agrees = f"onnxruntime agrees at {at}" if at else "onnxruntime agrees"
        return f"{text}; {agrees} (largest difference {self.difference:.1e})"


def save(
    model: Model,
    path: str | PathLike[str],
    state: State | None = None,
    opset: int | None = None,
    *,
    state_inputs: Iterable[str] = (),
    check: bool = True,
    sizes: Sequence[Mapping[str, int]] | None = None,
    name: str = "irgraph",
    metadata: Mapping[str, str] | None = None,
) -> Report:
    """Write the ONNX model of a function, a graph or values to a file; see `to_model`.

    With `check`, the model must first pass ONNX's checker with strict shape inference and, where
    onnxruntime is installed, give the NumPy executor's results for random feeds at two sizes of the
    named dims (`sizes`, or such that the graph allows); a training step is run three times at each, and the
    new state compared as well. Then the file is written under another name and
    renamed, so that there is never half a model.

    Raises ExportError as `to_model` does, for a model that fails a check, and for one above 2 GiB.

    >>> import irgraph as ig, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> report = save(ig.relu(ig.input("x", ("batch", 3))), f"{folder}/relu.onnx")
    >>> report.nodes, report.compared
    (1, ({'batch': 2}, {'batch': 5}))
    """
    meant = resolve(model, state)
    made = to_model(model, state, opset, state_inputs=state_inputs, name=name, metadata=metadata)
    nbytes = made.ByteSize()
    if nbytes > SIZE_LIMIT:
        raise ExportError(
            explain(f"a model of {nbytes:,} bytes", "at most 2 GiB, the limit of one ONNX file")
        )
    compared: tuple[Mapping[str, int], ...] = ()
    difference = 0.0
    if check:
        check_model(made)
        if has_runtime():
            compared = tuple(choose_sizes(meant.graph) if sizes is None else sizes)
            difference = compare(meant, replay(made), compared)
    target = Path(path)
    _write(target, made.SerializeToString(deterministic=True))
    return Report(
        target, made.opset_import[0].version, len(made.graph.node), nbytes, check, compared, difference
    )


def check_model(model: onnx.ModelProto) -> None:
    """Raise ExportError unless the model passes ONNX's checker and its strict shape inference."""
    try:
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            explain("a model that ONNX's checker refuses", "a well-formed one", do=str(error).strip())
        ) from error


def _write(path: Path, data: bytes) -> None:
    """Replace the file at once: whoever reads it sees the old one or the new one, whole."""
    if not path.parent.is_dir():
        raise FileNotFoundError(explain(f"no folder {path.parent}", "one for the file", here(), "Make it."))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
