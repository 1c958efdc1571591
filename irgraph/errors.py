"""The errors that irgraph raises.

Every message says what was found, what was needed, where the user built it, and what to do.
"""

from __future__ import annotations


class IrgraphError(Exception):
    """The base of all errors raised on purpose by irgraph."""


class ShapeError(IrgraphError, ValueError):
    """Sizes or ranks that do not fit together."""


class DTypeError(IrgraphError, TypeError):
    """Element types that do not fit together, or a value of the wrong Python type."""


class GraphError(IrgraphError, ValueError):
    """A graph that is not well formed: a name used twice, two updates of one parameter, bad text."""


class FeedError(IrgraphError, ValueError):
    """A feed that is missing, unknown, or not what its input needs."""

    position: tuple[int, ...] | None = None
    """Where in the feed the element is that is wrong, if it is one."""


class NotDifferentiableError(IrgraphError, ValueError):
    """A derivative was asked for along a path that has none."""


class ExecutorError(IrgraphError, RuntimeError):
    """An executor is unknown, broken, busy, or lacks kernels."""


class DeviceMemoryError(IrgraphError, MemoryError):
    """A device has less memory free than what is asked of it."""


class NonFiniteError(IrgraphError, FloatingPointError):
    """A value is NaN or infinite where `check=True` forbids it."""


class NumericalError(IrgraphError, ArithmeticError):
    """What was fed has no result: a singular matrix to be inverted, one that is not positive definite."""


class CheckpointError(IrgraphError, RuntimeError):
    """A checkpoint that can't be written, is damaged, or is of another model."""


class ExportError(IrgraphError, ValueError):
    """A graph has no form in the exchange format asked for."""


def explain(found: str, needed: str, at: object = None, do: str = "") -> str:
    """Compose a message: what was found, what was needed, the user's line, what to do.

    >>> print(explain("shape (3,)", "shape (2,)", do="Reshape it."))
    found shape (3,); needed shape (2,).
      Reshape it.
    """
    second = " ".join(part for part in (f"At {at}." if at else "", do) if part)
    return f"found {found}; needed {needed}." + (f"\n  {second}" if second else "")
