"""Cases of taps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from ...attributes import attribute_class
from ...errors import DTypeError
from ...ops import sources as s
from ...ops import taps as t
from ...value import Value
from ..case import BadCase, case, real, whole


@final
@attribute_class("ignore")
@dataclass(frozen=True)
class Ignore:
    """A callback that does nothing."""

    def __call__(self, array: Any) -> None:
        return None


def _tapped(x: Value) -> Value:
    return t.tap(x, Ignore())


CASES = [
    case("tap", "matrix", _tapped, lambda x: x, x=real("n", 3)),
    case("tap", "scalar", _tapped, lambda x: x, x=real()),
    case("tap", "ones", _tapped, lambda x: x, x=real(1, "n", 1)),
    case("tap", "integers", _tapped, lambda x: x, x=whole("n")),
    case("tap", "of a view", lambda x: _tapped(x.T) * 2.0, lambda x: x.T * 2, x=real(2, "n")),
    case("tap", "of a tap", lambda x: _tapped(_tapped(x) * x), lambda x: x * x, x=real("n")),
]

BAD_CASES = [
    BadCase("tap", "callback", lambda: t.tap(s.input("x"), 3), DTypeError, "found the callback 3"),  # type: ignore[arg-type]
]
