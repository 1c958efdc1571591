"""Wrong arguments of public functions: found where they fail, by the annotations, and named.

A public function says by its annotations what it takes. Nothing is looked at while all is well; where a call
fails with an error that Python raised and not irgraph, its arguments are held against the annotations, and
what does not fit is named with the user's line. Where all fit, the error stays as it is: a fault of irgraph
must not look like one of the user.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from numbers import Number, Real
from types import FunctionType, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union

import numpy as np

from .errors import DTypeError, IrgraphError, explain
from .origin import here

_F = TypeVar("_F", bound=Callable[..., Any])

CLEARED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What Python and NumPy raise for an argument that they can't take."""


def checked(function: _F) -> _F:
    """The same function, whose failures on an argument of a wrong type are a DTypeError that names it.

    >>> checked(lambda x: x.shape)(3)
    Traceback (most recent call last):
      ...
    AttributeError: 'int' object has no attribute 'shape'
    """

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except IrgraphError:
            raise
        except CLEARED as error:
            message = _wrong(function, arguments, keywords)
            if message is None:
                raise
            raise DTypeError(message) from error

    return typing.cast("_F", call)


def check_arguments(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Replace the functions of these names in a module's namespace by `checked` ones."""
    for name in names:
        if isinstance(namespace[name], FunctionType):
            namespace[name] = checked(namespace[name])


def _wrong(function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str | None:
    """The message for the first argument that does not fit its annotation, if there is one."""
    signature = inspect.signature(function)
    built = function.__name__ == "__init__" and arguments  # by a class that may inherit this one's
    what = type(arguments[0]).__name__ if built else function.__qualname__
    try:
        given = signature.bind(*arguments, **keywords).arguments
    except TypeError as error:
        return unbound(what, signature, keywords, error)
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # names that only type checkers see
        return None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for name, argument in given.items():
        parameter = signature.parameters[name]
        if parameter.kind in variadic or name not in hints or fits(argument, hints[name]):
            continue
        return explain(f"{what} with {name}={_short(argument)}", _words(hints[name]), here())
    return None


def unbound(what: str, signature: inspect.Signature, keywords: Iterable[str], error: TypeError) -> str:
    """The message for arguments that a signature does not take: an unknown one, one too many, one missing."""
    names = [name for name in signature.parameters if name != "self"]
    unknown = next((name for name in keywords if name not in names), None)
    if unknown is None:
        shown = str(signature.replace(return_annotation=signature.empty)).replace("(self, ", "(", 1)
        return explain(f"{what} called with {error}", f"{what}{shown}", here())
    meant = [name for name in ELSEWHERE.get(unknown, ()) if name in names]
    do = did_you_mean(unknown, names, meant[:1])
    return explain(f"the argument {unknown!r} for {what}", f"one of: {', '.join(names)}", here(), do)


def did_you_mean(word: str, known: Iterable[str], meant: Sequence[str] = (), most: int = 1) -> str:
    """What to say to who wrote a word that is not known: what was `meant`, else what is near; "" for nothing.

    >>> did_you_mean("rlu", ["relu", "tanh"]), did_you_mean("x", ["relu"])
    ("Did you mean 'relu'?", '')
    """
    near = meant or get_close_matches(word, list(known), most)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else ""


ELSEWHERE = {
    "beta_1": ("beta1",),
    "beta_2": ("beta2",),
    "betas": ("beta1",),
    "eps": ("epsilon",),
    "kernel_initializer": ("weight_init",),
    "lr": ("learning_rate",),
    "min_delta": ("tolerance",),
    "out_channels": ("filters",),
    "out_features": ("units",),
    "bias_initializer": ("bias_init",),
    "restore_best_weights": ("restore_best",),
    "sample_weight": ("weights",),
    "use_bias": ("bias",),
    "validation_data": ("validation",),
    "verbose": ("progress",),
}
"""What other libraries call an argument: for the hint of an error, not as second names."""


def fits(argument: object, hint: Any) -> bool:
    """Whether an argument is of the type that an annotation states; True where that can't be told.

    >>> from collections.abc import Sequence
    >>> fits((1, 2), Sequence[int]), fits("a b", Sequence[int]), fits(3, float), fits(3.5, int | None)
    (True, False, True, False)
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(argument, each) for each in inner)
    if origin is Literal:
        return isinstance(argument, str) and argument in inner
    if hint in (None, NoneType):
        return argument is None
    if hint in (float, complex):
        numbers = (Real, np.number) if hint is float else (Number, np.number)
        return isinstance(argument, numbers) or _is_array(argument, "biufc")
    if hint is int:
        return hasattr(argument, "__index__") and not _is_array(argument, "fcOSU")
    kind = origin or hint
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False) or kind in (Any, object, bool):
        return True
    return isinstance(argument, kind) and _contains(argument, kind, inner)


def _contains(argument: Any, kind: type, inner: tuple[Any, ...]) -> bool:
    """Whether the elements of a container fit too; text is no container."""
    if isinstance(argument, np.ndarray) and not argument.ndim:
        return False
    if not inner or not issubclass(kind, Iterable):
        return True
    if issubclass(kind, Mapping):
        return all(fits(key, inner[0]) and fits(each, inner[1]) for key, each in argument.items())
    if isinstance(argument, (str, bytes)):
        return False
    if issubclass(kind, tuple) and inner[-1] is not Ellipsis:
        return len(argument) == len(inner) and all(map(fits, argument, inner))
    return not isinstance(argument, (list, tuple)) or all(fits(each, inner[0]) for each in argument)


def _is_array(argument: object, kinds: str) -> bool:
    return isinstance(argument, np.ndarray) and argument.dtype.kind in kinds


def _words(hint: Any) -> str:
    plain = isinstance(hint, type) and not typing.get_args(hint)
    return re.sub(r"(\w+\.)+(?=\w)", "", hint.__name__ if plain else str(hint))


def _short(argument: object) -> str:
    text = repr(argument)
    return text if len(text) <= 80 else f"{text[:77]}..."
