"""What a layer is called on, and what it returns: said in words where it does not fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, explain
from ..origin import here


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
        found = f"a call of {what} on {len(values)} value{'s' * (len(values) != 1)}: {error}"
        called = getattr(function, "__name__", "layer")
        return explain(found, f"{called}{signature.replace(return_annotation=signature.empty)}", here(), do)
    return None


def listed(layer: Any, values: Sequence[Any]) -> str | None:
    """What to say where a layer that takes values was given a list or dict of them."""
    at = next((value for value in values if isinstance(value, list | tuple | Mapping)), None)
    if at is None:
        return None
    found = f"a call of {type(layer).__name__} on a {type(at).__name__} of {len(at)}"
    do = "Join them, e.g. with irgraph.concatenate; a layer that takes several is called layer(a, b)."
    return explain(found, "a graph value", here(), do)


NO_VALUES = (bool, int, float, complex, str, np.ndarray, np.generic)
"""What a layer or a function in a model returns by mistake."""


def returned(name: str, result: object) -> str:
    """What to say where a layer or a function returned no graph value."""
    do = "Does it lack a return?" if result is None else ""
    return explain(f"{result!r}, which {name} returned", "a graph value", here(), do)


def require_mode(training: object) -> None:
    """Raise DTypeError for a mode that is not known while the graph is built."""
    if not isinstance(training, bool | np.bool_ | None):
        do = "It is fixed when the graph is built: build one for training and one for prediction."
        raise DTypeError(explain(f"training={training!r}", "True, False or None", here(), do))
