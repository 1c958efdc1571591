"""What a Jacobian in a graph does not do: arithmetic, elements, NumPy. Refused, with what to do instead."""

from __future__ import annotations

from typing import NoReturn

from ..errors import DTypeError, explain
from ..origin import here


class ProductsOnly:
    """Refuses what an array can do beside products, since most of it would lose the structure."""

    __array_ufunc__ = None  # so that `array @ jacobian` is left to its __rmatmul__

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise self._refused("as a NumPy array", "Compile and call it first")

    def _arithmetic(self, *_: object) -> NoReturn:
        raise self._refused("in arithmetic", "Take .todense(), which is an ordinary value")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _arithmetic
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = __abs__ = _arithmetic

    def __getitem__(self, _: object) -> NoReturn:
        raise self._refused("with an index", "Take .todense()[...], or the Jacobian of y[...]")

    def __len__(self) -> NoReturn:
        raise self._refused("in len()", "Take len(.todense())")

    __iter__ = None  # else Python would iterate by __getitem__

    def __bool__(self) -> bool:
        return True

    def _refused(self, found: str, do: str) -> DTypeError:
        needed = "products with @, .T, .diagonal() or .todense()"
        return DTypeError(explain(f"{self!r} {found}", needed, here(), f"{do}."))
