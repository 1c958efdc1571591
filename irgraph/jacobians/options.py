"""What a caller may ask of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..errors import GraphError, explain
from ..origin import here

Mode = Literal["auto", "forward", "reverse"] | Sequence[int]
Format = Literal["auto", "dense", "structured", "factored", "sparse"]

MODES = ("auto", "forward", "reverse")
FORMATS = ("auto", "dense", "structured", "factored", "sparse")


@dataclass(frozen=True)
class PlanOptions:
    """How a plan is chosen.

    `plan`: "static" counts what the nodes of each order cost, the same on every machine; "measure" runs the
    best three on NumPy, on random feeds, and takes the fastest. `hints` are sizes that named dims are taken
    at meanwhile (256 where there is none). Raises GraphError for anything else.

    >>> PlanOptions(hints={"batch": 128}).plan
    'static'
    """

    plan: Literal["static", "measure"] = "static"
    hints: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.plan not in ("static", "measure"):
            raise GraphError(explain(f"plan={self.plan!r}", '"static" or "measure"', here()))
        hints: object = self.hints
        if not isinstance(hints, Mapping):
            found = f"hints={hints!r}"
            raise GraphError(explain(found, 'a dict of sizes, e.g. {"batch": 32}', here()))
        for name, size in self.hints.items():
            if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
                raise GraphError(explain(f"the hint {name}={size!r}", "a whole number above 0", here()))


@dataclass(frozen=True)
class Request:
    """All that is asked of a plan, checked."""

    mode: Mode = "auto"
    format: Format = "auto"
    memory: int | None = None
    options: PlanOptions = field(default_factory=PlanOptions)

    def __post_init__(self) -> None:
        mode: object = self.mode
        if mode not in MODES if isinstance(mode, str) else not isinstance(mode, Iterable):
            needed = f"one of {', '.join(MODES)}, or an order: the plan's vertices in a row"
            do = f"Pass format={self.mode!r}." if self.mode in FORMATS else ""
            raise GraphError(explain(f"mode={self.mode!r}", needed, here(), do))
        if self.format not in FORMATS:
            raise GraphError(explain(f"format={self.format!r}", f"one of {', '.join(FORMATS)}", here()))
        if self.memory is not None and (isinstance(self.memory, bool) or not self.memory > 0):
            raise GraphError(explain(f"memory={self.memory!r}", "bytes, more than 0", here()))
