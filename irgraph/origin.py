"""Where the user built a node: the first frame outside irgraph; and what the node is for."""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal, TypeVar

_PACKAGE = str(Path(__file__).parent) + os.sep
_INSIDE = (_PACKAGE, contextlib.__file__, "<frozen", "<string>")  # contextlib calls on behalf of irgraph
_USER = f"{_PACKAGE}cli{os.sep}"  # the demo builds its model as a user does


_F = TypeVar("_F", bound=Callable[..., Any])
Phase = Literal["forward", "backward", "tangent", "update"]


@dataclass(frozen=True, slots=True)
class Origin:
    """A file and a line; prints as `file:line`.

    `phase` is what the node is for: a result, a gradient, a tangent of forward mode, or an optimizer's
    update. What differentiation makes for a node has that node's origin in `of`; the text form does not
    keep it.
    """

    file: str
    line: int
    phase: Phase = "forward"
    of: Origin | None = field(default=None, compare=False, repr=False)

    def derived(self, phase: Phase) -> Origin:
        """The same line in another phase."""
        return Origin(self.file, self.line, phase, self)

    @property
    def source(self) -> str:
        """The text of the line, empty where it can't be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


UNKNOWN = Origin("<unknown>", 0)


class _Current(threading.local):
    origin: Origin | None = None


_current = _Current()


def here() -> Origin:
    """The origin of a node that is built now: the one being carried, else the caller's line."""
    if _current.origin is not None:
        return _current.origin
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_INSIDE) or file.startswith(_USER):
            return Origin(file, frame.f_lineno)
        if id(frame.f_code) in _makers and frame.f_back is not None and not _is_user(frame.f_back):
            made: Origin = frame.f_locals["self"]._made_at
            return made
        frame = frame.f_back
    return UNKNOWN


def _is_user(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return not file.startswith(_INSIDE) or file.startswith(_USER)


_makers: set[int] = set()  # identities of code: each node looks here, and code is slow to hash


def built_where_made(method: _F) -> _F:
    """A method whose nodes, where irgraph itself calls it, have the origin `self._made_at`: what a layer in a
    model builds comes from the line that made the layer, not from the one that called or trained the model.
    """
    _makers.add(id(method.__code__))
    return method


class carrying:  # a context manager; a class, since it is entered for each node
    """Give every node built in the block this origin: gradients and rewrites keep the user's line."""

    __slots__ = ("_origin", "_outer")

    def __init__(self, origin: Origin | None) -> None:
        self._origin = origin

    def __enter__(self) -> None:
        self._outer = _current.origin
        _current.origin = self._origin

    def __exit__(self, *_: object) -> None:
        _current.origin = self._outer
