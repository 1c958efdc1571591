"""Named dims at run time: polynomials and floor quotients as ONNX arithmetic.

Every size is a 1-D int64 tensor of one element. A name is read from the shape of a graph input that
has it as an axis of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from ..dims import Quotient, Shape, Size
from ..errors import ExportError, explain
from ..onnx_writer import OnnxWriter
from ..polynomial import Atom, Monomial
from ..types import int64
from ..value import Value

Axis = tuple[Value, int]  # an input, and which of its axes


def named_axes(inputs: Mapping[str, Value]) -> dict[str, Axis]:
    """For each named dim the first input axis whose size it is."""
    found: dict[str, Axis] = {}
    for value in inputs.values():
        for axis, size in enumerate(value.shape):
            name = None if isinstance(size, int) else size.name
            if name is not None:
                found.setdefault(name, (value, axis))
    return found


class SizeWriter:
    """Writes sizes, each only once."""

    def __init__(self, write: OnnxWriter, axes: Mapping[str, Axis]) -> None:
        self._write = write
        self._axes = axes

    def vector(self, shape: Shape) -> str:
        """The sizes one after the other; neighbouring integers are one constant."""
        parts: list[str] = []
        for known, sizes in groupby(shape, lambda size: isinstance(size, int)):
            if known:
                parts.append(self._write.constant(list(sizes), int64))
            else:
                parts += [self._size(size) for size in sizes]
        if not parts:
            return self._write.constant([], int64)
        return parts[0] if len(parts) == 1 else self._write.node("Concat", *parts, since=4, axis=0)

    def _size(self, size: Size) -> str:
        """A polynomial, positive terms first."""
        if isinstance(size, int):
            return self._write.constant([size], int64)
        total = ""
        for monomial, coefficient in sorted(size.terms, key=lambda term: (term[1] < 0, term[0] == ())):
            if not total:
                total = self._term(monomial, coefficient)
            else:
                operation = "Add" if coefficient > 0 else "Sub"
                total = self._write.node(operation, total, self._term(monomial, abs(coefficient)), since=7)
        return total

    def _term(self, monomial: Monomial, coefficient: int) -> str:
        factors = [self._atom(atom) for atom in monomial]
        if coefficient != 1 or not factors:
            factors.append(self._write.constant([coefficient], int64))
        result = factors[0]
        for factor in factors[1:]:
            result = self._write.node("Mul", result, factor, since=7)
        return result

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, Quotient):
            return self._quotient(atom)
        if atom not in self._axes:
            raise ExportError(
                explain(
                    f"the named dim {atom!r}, which no input has as one of its sizes",
                    "an input to read it from",
                    do=f'Give an input the size "{atom}" itself, not only a formula of it.',
                )
            )
        value, axis = self._axes[atom]
        return self._write.node("Shape", self._write.read(value), since=15, start=axis, end=axis + 1)

    def _quotient(self, atom: Quotient) -> str:
        """ONNX divides integers towards zero, which is the floor only where the quotient is not negative.

        Elsewhere the remainder, which has the sign of the divisor, is taken off first.
        """
        top, bottom = self._size(atom.numerator), self._size(atom.denominator)
        if not (_never_negative(atom.numerator) and _never_negative(atom.denominator)):
            top = self._write.node(
                "Sub", top, self._write.node("Mod", top, bottom, since=10, fmod=0), since=7
            )
        return self._write.node("Div", top, bottom, since=7)


def _never_negative(size: Size) -> bool:
    """Whether a size is surely 0 or more, whatever the names are."""
    if isinstance(size, int):
        return size >= 0
    return all(
        coefficient > 0
        and all(
            isinstance(atom, str) or (_never_negative(atom.numerator) and _never_negative(atom.denominator))
            for atom in monomial
        )
        for monomial, coefficient in size.terms
    )
