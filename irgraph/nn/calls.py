"""The calls of layers that are running: what they inherit, what they made, where they failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import IrgraphError
from ..origin import here
from ..types import DType, float32
from ..value import Value

if TYPE_CHECKING:
    from .layer import Layer

_current: ContextVar[Call | None] = ContextVar("call of a layer", default=None)


@dataclass
class Call:
    """One call of a layer. `outer` is the call that it is made in."""

    layer: Layer
    inputs: tuple[Any, ...]
    asked: bool | None
    outer: Call | None = None
    result: Any = None
    inner: list[Call] = field(default_factory=list)

    @property
    def training(self) -> bool:
        """Whether a training graph is built: as asked, else as in the outer call, else not."""
        if self.asked is not None:
            return self.asked
        return self.outer is not None and self.outer.training

    @property
    def values(self) -> list[Value]:
        """The inputs, in order."""
        return list(values_in(self.inputs))

    @property
    def dtype(self) -> DType:
        """The dtype of the layer's parameters: that of its first float input."""
        floats = [value.dtype for value in self.values if value.dtype.is_inexact]
        if floats:
            return floats[0]
        return self.outer.dtype if self.outer is not None else float32

    def finished(self, result: Any) -> Any:
        """The result, named after the layer where nothing else has named it."""
        if isinstance(result, Value):
            made_here = result not in self.values and not result.node.op.source and result.node.name is None
            if made_here:
                result = result.named(self.layer.path_of("output"))
        self.result = result
        return result

    def located(self, error: IrgraphError) -> IrgraphError:
        """The error with the layer in its message; the innermost layer says it."""
        if getattr(error, "in_layer", None) is not None:
            return error
        path = self.layer.path
        at = "" if "  At " in str(error) else f"\n  At {here()}."
        kind = type(self.layer).__name__
        layer = f"layer {path!r} ({kind})" if path else f"a {kind} without a name"
        text = f"{error}{at}\n  In {layer}, called on {self._told_inputs()}."
        located = type(error)(text)
        for note in getattr(error, "__notes__", ()):
            located.add_note(note)
        located.in_layer = path  # type: ignore[attr-defined]
        return located

    def _told_inputs(self) -> str:
        return ", ".join(_told(value) for value in self.values) or "nothing"


def _told(value: Value) -> str:
    maker = value.label.removesuffix(".output")
    return f"{value.type} from {maker!r}" if maker != value.label else f"{value.type} ({value.label})"


def values_in(inputs: Any) -> Iterator[Value]:
    """The values of a nest of them, in order."""
    if isinstance(inputs, Value):
        yield inputs
    elif isinstance(inputs, Mapping):
        for each in inputs.values():
            yield from values_in(each)
    elif isinstance(inputs, list | tuple):
        for each in inputs:
            yield from values_in(each)


def current() -> Call | None:
    """The innermost call that is running."""
    return _current.get()


@contextmanager
def running(call: Call) -> Iterator[Call]:
    """Within it, `call` is the innermost."""
    call.outer = _current.get()
    if call.outer is not None:
        call.outer.inner.append(call)
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
