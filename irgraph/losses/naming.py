"""A table entry by its name, or an error that tells which was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..arguments import did_you_mean
from ..errors import DTypeError, GraphError, explain
from ..origin import here

_T = TypeVar("_T")


def found_by_name(what: str, name: str, known: Mapping[str, _T], elsewhere: Mapping[str, str]) -> _T:
    """`known[name]`. Raises GraphError with what was meant; `elsewhere` has names of other libraries."""
    if not isinstance(name, str):
        raise DTypeError(explain(f"{name!r} as the name of a {what}", "text", here()))
    if name in known:
        return known[name]
    plain = name.lower().replace("-", "_").replace(" ", "_")
    meant = elsewhere.get(plain)
    do = did_you_mean(plain, known, [meant] if meant else [], most=3)
    raise GraphError(explain(f"the {what} {name!r}", f"one of {', '.join(sorted(known))}", here(), do))
