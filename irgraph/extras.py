"""Packages that irgraph runs without: imported where they are used, and named when they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from .errors import IrgraphError, explain


class MissingExtra(IrgraphError, ImportError):
    """A package of an extra is needed and does not import."""


def pip_command(extra: str) -> str:
    """The command that installs an extra.

    >>> pip_command("demo")
    'pip install "irgraph[demo]"'
    """
    return f'pip install "irgraph[{extra}]"'


def import_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module that comes with an extra.

    Raises MissingExtra, chained to the import's own error: it says what needs the package, and either how
    to install it or, where it is installed and broken, why it does not import.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise _broken(package, purpose, error) from error
        raise MissingExtra(
            explain(f"no package {package!r}", f"it to {purpose}", do=f"Install it: {pip_command(extra)}")
        ) from error
    except Exception as error:
        raise _broken(package, purpose, error) from error


def _broken(package: str, purpose: str, error: Exception) -> MissingExtra:
    return MissingExtra(
        explain(
            f"the package {package!r}, whose import fails ({type(error).__name__}: {error})",
            f"it to {purpose}",
            do=f"Install it anew: pip install --force-reinstall {package}",
        )
    )
