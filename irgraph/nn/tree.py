"""The tree that layers make: who owns whom, and the paths that come of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ..errors import GraphError, explain
from ..origin import here
from .naming import snake_case

if TYPE_CHECKING:
    from .layer import Layer


class InTree:
    """What has a name and a path, and owns the layers that are put into its attributes.

    Law: a path comes from the owners and their names alone, never from a counter, and is fixed once a
    variable is named by it.
    """

    anonymous: ClassVar[bool] = False  # without a name and an owner, adds nothing to the paths of its parts

    name: str | None = None
    _path: str | None = None
    _owner: tuple[InTree, str] | None = None

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not (isinstance(name, str) and re.fullmatch(r"[^\s%'\"#./]+", name)):
            needed = "a non-empty string without spaces, quotes, %, #, dots and slashes"
            raise GraphError(explain(f"the layer name {name!r}", needed, here()))
        self.name = name

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if not name.startswith("_"):
            self._adopt(name, value)

    def _adopt(self, key: str, value: Any) -> None:
        """Become the owner of the layers in `value` that have none."""
        if isinstance(value, InTree):
            if value._owner is None and value is not self:
                value._owner = (self, key)
        elif isinstance(value, list | tuple):
            for position, each in enumerate(value):
                self._adopt(f"{key}.{position}", each)
        elif isinstance(value, Mapping):
            for inner, each in value.items():
                self._adopt(f"{key}.{inner}", each)

    @property
    def path(self) -> str:
        """The names from the outermost owner down to this layer, joined by dots; fixed at the first call."""
        if self._path is not None:
            return self._path
        if self._owner is None:
            return self.name or ("" if self.anonymous else snake_case(type(self).__name__))
        owner, key = self._owner
        own = self.name or key
        return f"{owner.path}.{own}" if owner.path else own

    def _fix_paths(self) -> None:
        layer: InTree | None = self
        while layer is not None:
            layer._path = layer.path
            layer = layer._owner[0] if layer._owner else None

    @property
    def layers(self) -> list[Layer]:
        """The layers that this one is made of, each once."""
        found: dict[int, Layer] = {}
        for name, value in vars(self).items():
            if not name.startswith("_"):
                found |= {id(layer): layer for layer in _layers_in(value)}
        return list(found.values())

    def walk(self) -> Iterator[Layer]:
        """This layer and all below it, each once, owners first."""
        seen: set[int] = set()
        stack = [cast("Layer", self)]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                stack += reversed(layer.layers)

    def path_of(self, name: str) -> str:
        """The full name of something of this layer: a variable, a random stream."""
        return f"{self.path}.{name}" if self.path else name


def _layers_in(value: Any) -> Iterator[Layer]:
    if isinstance(value, InTree):
        yield cast("Layer", value)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _layers_in(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _layers_in(each)
