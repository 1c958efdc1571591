"""The line of a test's function that an error must name: the one that ends in `# here`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def marked_line(function: Callable[..., Any]) -> tuple[int, str]:
    """Its number in the file, and its text. Raises ValueError unless there is one."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [(n, text.strip()) for n, text in enumerate(lines, first) if text.rstrip().endswith("# here")]
    return found


def must_say(error: BaseException, build: Callable[..., Any], file: str, says: tuple[str, ...]) -> None:
    """The error names the marked line of `build`, and has every part of `says`."""
    for part in (*says, f"{file}:{marked_line(build)[0]}"):
        assert part in str(error), error
