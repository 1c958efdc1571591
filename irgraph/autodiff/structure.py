"""What `wrt`, outputs and their like may look like: one value, a sequence, or a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, explain
from ..origin import here
from ..value import Value

Tree = Value | Sequence[Value] | Mapping[Any, Value]


def flatten(tree: Tree, what: str) -> list[Value]:
    """The values in order. Raises DTypeError for anything that is not a value."""
    if isinstance(tree, Value):
        return [tree]
    leaves: Iterable[Any] = tree.values() if isinstance(tree, Mapping) else tree
    if not isinstance(leaves, Iterable):
        raise DTypeError(explain(f"{tree!r} as {what}", "a graph value, a sequence or a dict", here()))
    values: list[Any] = [leaves] if isinstance(leaves, np.ndarray) else list(leaves)
    for value in values:
        if not isinstance(value, Value):
            raise DTypeError(explain(f"{value!r} in {what}", "graph values", here()))
    return values


def rebuild(tree: Tree, leaves: Sequence[Any]) -> Any:
    """The leaves in the shape of the tree; a sequence becomes a list."""
    if isinstance(tree, Value):
        return leaves[0]
    if isinstance(tree, Mapping):
        return dict(zip(tree, leaves, strict=True))
    return list(leaves)
