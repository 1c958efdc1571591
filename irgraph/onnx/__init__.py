"""ONNX: the only place that imports onnx, and only once something here is used.

    to_model   a compiled function, a graph or values as a `ModelProto` of plain `ai.onnx` ops
    save       the same into a file, checked and replayed in ONNX Runtime first
    draw       a picture of any model
    replay     a model as a function, run by ONNX Runtime

Read it in the order `exporting` (what is asked for and refused), `preparing` (what of a graph is written),
`ends` (inputs, outputs, state on both sides), `walking` (the walk over a graph), `writer` (what ops write
with), `schema` (what the standard says), `sizes` (named dims at run time), `naming`, `model` (the protobuf).
"""

from __future__ import annotations

from importlib import import_module
from inspect import isfunction
from typing import TYPE_CHECKING, Any

from ..arguments import checked

if TYPE_CHECKING:
    from .drawing import draw
    from .exporting import to_model
    from .replaying import Replay, replay
    from .saving import Report, save

__all__ = ["Replay", "Report", "draw", "replay", "save", "to_model"]

_ROOMS = {
    "Replay": "replaying",
    "Report": "saving",
    "draw": "drawing",
    "replay": "replaying",
    "save": "saving",
    "to_model": "exporting",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{_ROOMS[name]}", __name__), name)
    return checked(found) if isfunction(found) else found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
