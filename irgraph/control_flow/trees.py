"""The structures that a loop carries along: values in lists, tuples and dicts, which stay what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import GraphError, explain
from ..origin import here

Path = tuple[object, ...]


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What is in a tree that is no list, tuple, dict or None, with the keys on the way to it."""
    if isinstance(tree, Mapping):
        for key, each in tree.items():
            yield from leaves(each, (*path, key))
    elif isinstance(tree, (list, tuple)):
        for position, each in enumerate(tree):
            yield from leaves(each, (*path, position))
    elif tree is not None:
        yield path, tree


def rebuilt(tree: Any, values: Iterator[Any]) -> Any:
    """The tree with other leaves, taken in order."""
    if isinstance(tree, Mapping):
        return {key: rebuilt(each, values) for key, each in tree.items()}
    if isinstance(tree, tuple):
        made = [rebuilt(each, values) for each in tree]
        return type(tree)(*made) if hasattr(tree, "_fields") else tuple(made)
    if isinstance(tree, list):
        return [rebuilt(each, values) for each in tree]
    return None if tree is None else next(values)


def leaves_like(tree: Any, other: Any, what: str, path: Path = ()) -> list[Any]:
    """The leaves of another tree of the same structure, in the order of this one.

    Raises GraphError, with the way to the place, where the structures differ.
    """
    if isinstance(tree, Mapping):
        if not isinstance(other, Mapping) or set(tree) != set(other):
            found = f"the keys {list(other)}" if isinstance(other, Mapping) else _kind(other)
            raise _differs(what, path, found, f"a dict with the keys {list(tree)}")
        return [leaf for key in tree for leaf in leaves_like(tree[key], other[key], what, (*path, key))]
    if isinstance(tree, (list, tuple)):
        if not isinstance(other, (list, tuple)) or len(tree) != len(other):
            found = f"{len(other)} parts" if isinstance(other, (list, tuple)) else _kind(other)
            raise _differs(what, path, found, f"{len(tree)} parts, as at the start")
        pairs = enumerate(zip(tree, other, strict=True))
        return [leaf for n, (a, b) in pairs for leaf in leaves_like(a, b, what, (*path, n))]
    if (tree is None) != (other is None) or isinstance(other, (Mapping, list, tuple)):
        raise _differs(what, path, _kind(other), "nothing" if tree is None else "one value, as at the start")
    return [] if tree is None else [other]


def place(what: str, path: Path) -> str:
    """The way to a leaf as a user writes it.

    >>> place("carry", ("state", 0))
    "carry['state'][0]"
    """
    return what + "".join(f"[{key!r}]" for key in path)


def _kind(tree: object) -> str:
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return f"a {type(tree).__name__} of {len(tree)}"
    return "None" if tree is None else f"a {type(tree).__name__}"


def _differs(what: str, path: Path, found: str, needed: str) -> GraphError:
    do = "The body returns (new carry, y), the new carry in the structure of the first one."
    return GraphError(explain(f"{found} at {place(what, path)}", needed, here(), do))
