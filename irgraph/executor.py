"""Finding who runs a compiled graph."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .compiler.protocol import Executor
from .errors import ExecutorError, explain
from .origin import here

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "irgraph.executors"
_PROMISED = ("name", "has_kernel", "is_single_pass", "prepare", "to_device", "to_host")


@cache
def find_executor(name: str) -> Executor:
    """The executor that an installed package registered under this name.

    Raises ExecutorError for an unknown name (listing the installed ones), for two providers of one
    name, for a provider whose import fails (chaining its error), and what the provider itself lacks.
    """
    from importlib.metadata import entry_points  # a slow import, of no use before something compiles

    providers: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found = providers.setdefault(entry.name, [])
        if all(other.value != entry.value for other in found):
            found.append(entry)
    if name not in providers:
        installed = ", ".join(sorted(providers)) or "none"
        raise ExecutorError(
            explain(
                f"executor {name!r}",
                f"an installed one: {installed}",
                here(),
                "Install the package that has it.",
            )
        )
    if len(providers[name]) > 1:
        rivals = " and ".join(entry.value for entry in providers[name])
        raise ExecutorError(explain(f"two providers of executor {name!r}, {rivals}", "one", do="Remove one."))
    (entry,) = providers[name]
    try:
        executor: Executor = entry.load()()
    except ExecutorError:  # which says itself what it lacks
        raise
    except Exception as error:
        raise ExecutorError(
            explain(f"executor {name!r} ({entry.value}), whose import failed", "one that loads")
        ) from error
    return executor


def as_executor(executor: str | Executor) -> Executor:
    """The executor of this name, or the one that was given. Raises ExecutorError for what is none."""
    if isinstance(executor, str):
        return find_executor(executor)
    lacking = [name for name in _PROMISED if not hasattr(executor, name)]
    if lacking:
        raise ExecutorError(
            explain(
                f"the executor {executor!r}, which has no {', '.join(lacking)}",
                "the name of an installed executor, or an object with all of these",
                here(),
            )
        )
    return executor
