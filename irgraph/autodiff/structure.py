"""What `wrt`, outputs and their like may look like: one value, or sequences and mappings of them, nested."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import DTypeError, explain
from ..origin import here
from ..value import Value


class Compound(ABC):
    """Something that several values make up: a function computes them and puts the arrays together."""

    @property
    @abstractmethod
    def values(self) -> Sequence[Value]:
        """What to compute."""

    @abstractmethod
    def assemble(self, arrays: Sequence[Any], sizes: Mapping[str, int]) -> Any:
        """What the arrays, in the order of `values`, make up; `sizes` are those of the named dims."""


_FROM = "Values are what irgraph.input, parameter, constant and the ops on them return."

Tree = Value | Compound | Sequence[Any] | Mapping[Any, Any]


def flatten(tree: Tree, what: str) -> list[Value]:
    """The values in order. Raises DTypeError for anything that is not a value."""
    if isinstance(tree, Value):
        return [tree]
    if isinstance(tree, Compound):
        return list(tree.values)
    leaves: Iterable[Any] = tree.values() if isinstance(tree, Mapping) else tree
    if not isinstance(leaves, Iterable):
        raise DTypeError(explain(f"{tree!r} as {what}", "a graph value, a sequence or a dict", here(), _FROM))
    found: list[Value] = []
    for leaf in [leaves] if isinstance(leaves, np.ndarray) else leaves:
        if isinstance(leaf, Value):
            found.append(leaf)
        elif isinstance(leaf, Compound | list | tuple | Mapping):
            found += flatten(leaf, what)
        else:
            raise DTypeError(explain(f"{leaf!r} in {what}", "graph values", here(), _FROM))
    return found


def owned(tree: Any) -> Any:
    """The tree with the parameters of layers in their place."""
    parameters = getattr(tree, "parameters", None)
    if isinstance(parameters, Mapping):
        return parameters
    return [owned(each) for each in tree] if isinstance(tree, list | tuple) else tree


def paths(tree: Tree, name: str) -> Iterator[str]:
    """A name for each value that `flatten` finds, by the way to it: `name.key.0`; the arrays of one thing are
    numbered where it has several.
    """
    if isinstance(tree, Value) or (isinstance(tree, Compound) and len(tree.values) == 1):
        yield name
        return
    inner: Iterable[tuple[Any, Any]]
    if isinstance(tree, Mapping):
        inner = tree.items()
    else:
        inner = enumerate(tree.values if isinstance(tree, Compound) else tree)
    for key, each in inner:
        yield from paths(each, f"{name}.{key}")


def rebuild(tree: Tree, leaves: Sequence[Any], sizes: Mapping[str, int] = MappingProxyType({})) -> Any:
    """The leaves in the shape of the tree; a sequence becomes a list. `sizes` are those of the named dims."""
    return _rebuilt(tree, iter(leaves), sizes)


def _rebuilt(tree: Tree, leaves: Iterator[Any], sizes: Mapping[str, int]) -> Any:
    if isinstance(tree, Value):
        return next(leaves)
    if isinstance(tree, Compound):
        return tree.assemble([next(leaves) for _ in tree.values], sizes)
    if isinstance(tree, Mapping):
        return {key: _rebuilt(value, leaves, sizes) for key, value in tree.items()}
    return [_rebuilt(value, leaves, sizes) for value in tree]
