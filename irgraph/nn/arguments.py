"""Arguments of layers: an unknown one is named, with those that exist."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import Any

from ..arguments import checked
from ..errors import DTypeError, explain
from ..origin import here


def named_arguments(initialize: Callable[..., None]) -> Callable[..., None]:
    """`__init__` of a layer, which refuses unknown and missing arguments in words."""
    signature = inspect.signature(initialize)
    inner = checked(initialize)

    @wraps(initialize)
    def __init__(self: Any, *arguments: Any, **keywords: Any) -> None:
        try:
            signature.bind(self, *arguments, **keywords)
        except TypeError as error:
            raise DTypeError(_told(type(self), signature, keywords, error)) from None
        inner(self, *arguments, **keywords)

    return __init__


def unfit(
    layer: Any, values: Sequence[Any], options: Mapping[str, Any], function: Callable[..., Any] | None = None
) -> str | None:
    """Why a layer can't be called so, where its `forward` (or the function that it calls) does not take as
    many values or these options."""
    signature = inspect.signature(function or layer.forward)
    try:
        signature.bind(*values, **options)
    except TypeError as error:
        what = type(layer).__name__
        names = ", ".join(
            name for name, each in signature.parameters.items() if each.kind is each.KEYWORD_ONLY
        )
        do = "" if function else f"The options of a call are: training{', ' * bool(names)}{names}."
        found = f"a call of {what} on {len(values)} value{'s' * (len(values) != 1)} with {error}"
        called = getattr(function, "__name__", "layer")
        return explain(found, f"{called}{signature.replace(return_annotation=signature.empty)}", here(), do)
    return None


def _told(cls: type, signature: inspect.Signature, keywords: dict[str, Any], error: TypeError) -> str:
    names = [name for name in signature.parameters if name != "self"]
    unknown = [name for name in keywords if name not in names]
    shown = str(signature.replace(return_annotation=signature.empty)).replace("(self, ", "(", 1)
    if not unknown:
        return explain(f"{cls.__name__} called with {error}", f"{cls.__name__}{shown}", here())
    close = get_close_matches(unknown[0], names, 1)
    do = f"Did you mean {close[0]!r}?" if close else ""
    return explain(
        f"the argument {unknown[0]!r} for {cls.__name__}", f"one of: {', '.join(names)}", here(), do
    )
