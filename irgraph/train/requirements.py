"""What a trainer needs of its parts, said before anything is built."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import DTypeError, GraphError, explain
from ..origin import here
from ..state import State


def require_parts(model: object, optimizer: object, state: object) -> None:
    """Raise DTypeError for what is no model, optimizer or state."""
    if not callable(model) or isinstance(model, type):
        do = _written(model) or "Put layers into irgraph.nn.Sequential([...])."
        raise DTypeError(
            explain(f"the model {_short(model)}", "a layer, or a function of values", here(), do)
        )
    if not hasattr(optimizer, "minimize") or isinstance(optimizer, type):
        found, needed = f"the optimizer {_short(optimizer)}", "one of irgraph.optim, e.g. Adam(1e-3)"
        raise DTypeError(explain(found, needed, here(), _written(optimizer)))
    if state is not None and not isinstance(state, State):
        do = "Pass the state of a trainer or of a compiled function."
        raise DTypeError(explain(f"state={_short(state)}", "an irgraph.State, or None", here(), do))


def require_fit(
    function: Callable[..., Any], what: str, values: Sequence[Any], options: Any, do: str
) -> None:
    """Raise DTypeError where a function does not take so many values, or not these options."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*values, **options)
    except TypeError as error:
        names = [f"{len(values)} value{'s' * (len(values) != 1)}"] * bool(values) + list(options)
        name = getattr(function, "__name__", type(function).__name__)
        taken = ", ".join(str(each).partition(":")[0] for each in signature.parameters.values())
        found = f"{what} {name}({taken}) called with {' and '.join(names)}: {error}"
        raise DTypeError(explain(found, "one that takes them", here(), do)) from None


def require_single(what: str, compared: Sequence[Any]) -> None:
    """Raise GraphError for several outputs or targets, of which a loss or metric needs one."""
    for data, where in zip(compared, ("outputs of the model", "targets"), strict=False):
        if isinstance(data, Mapping | tuple | list):
            names = ", ".join(map(str, data)) if isinstance(data, Mapping) else str(len(data))
            do = "Pass a dict of losses (and of metrics) by output, or a function of all."
            raise GraphError(explain(f"{what} and several {where}: {names}", "one value", here(), do))


def require_not_running(running: bool) -> None:
    """Raise GraphError for a fit within a fit of the same trainer."""
    if running:
        do = "Call trainer.stop there, and fit again afterwards."
        raise GraphError(
            explain("fit called while the same trainer trains", "one after the other", here(), do)
        )


def _written(part: object) -> str:
    return f"Write {part.__name__}(…)." if isinstance(part, type) else ""


def _short(part: object) -> str:
    text = repr(part)
    return text if len(text) <= 60 else f"{text[:57]}..."
