"""Arguments of layers: an unknown one is named, with those that exist."""

from __future__ import annotations

import inspect
from collections.abc import Callable
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
