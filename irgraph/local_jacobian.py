"""Local Jacobians as sums of labelled terms: data and algebra only.

A term reads like an einsum: `out[o] = coefficient * sum over labels not in out of prod(factors) * t[in_]`.
A label in both `out` and `in_` is an identity; in `out` only it repeats; elsewhere it is summed.
Factors are dense values, or 0/1 links between labels (slice, reshape, run-time index), or linear
maps that only exist as ops. Transposing swaps `out` and `in_`, nothing else. Terms are closed under
transposition and composition. A size-1 axis against n has a label of its own, so broadcasting
needs no special case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .dims import Shape, Size
from .value import Value


class Label:
    """One index of a term. Compared by identity; its size is all it carries."""

    __slots__ = ("size",)

    def __init__(self, size: Size) -> None:
        self.size = size

    def __repr__(self) -> str:
        return f"<label of {self.size}>"


class Labels(tuple[Label, ...]):
    """The labels of a value's axes, in order."""

    __slots__ = ()

    def renew(self, *axes: int) -> Labels:
        """New labels of the same sizes on some axes."""
        rank = len(self)
        over = {axis % rank for axis in axes}
        return Labels(Label(label.size) if axis in over else label for axis, label in enumerate(self))

    def drop(self, axes: Iterable[int], keepdims: bool = False) -> Labels:
        """Without some axes, or with new size-1 labels in their place."""
        over = set(axes)
        return Labels(
            Label(1) if axis in over else label
            for axis, label in enumerate(self)
            if keepdims or axis not in over
        )

    def against(self, shape: Shape) -> Labels:
        """The labels of an operand that broadcasts to these: a size-1 axis gets a label of its own."""
        mine = self[len(self) - len(shape) :]
        return Labels(
            label if label.size == size else Label(size) for label, size in zip(mine, shape, strict=True)
        )


def labels(value: Value) -> Labels:
    """New labels for the axes of a value."""
    return Labels(Label(size) for size in value.shape)


# ------------------------------------------------------------------------------------ factors

Rename = Callable[[Label], Label]


@dataclass(frozen=True, slots=True)
class Dense:
    """`value[labels]`. A boolean value selects: where it is false the product is 0, even against inf."""

    value: Value
    labels: Labels

    def rename(self, rename: Rename) -> Dense:
        return Dense(self.value, Labels(map(rename, self.labels)))


@dataclass(frozen=True, slots=True)
class Slice:
    """1 where `whole == start + step * part`."""

    part: Label
    whole: Label
    start: Size = 0
    step: int = 1

    @property
    def labels(self) -> Labels:
        return Labels((self.part, self.whole))

    def rename(self, rename: Rename) -> Slice:
        return Slice(rename(self.part), rename(self.whole), self.start, self.step)


@dataclass(frozen=True, slots=True)
class Ravel:
    """1 where the row-major positions of `left` and of `right` are equal: a bijection."""

    left: Labels
    right: Labels

    @property
    def labels(self) -> Labels:
        return Labels(self.left + self.right)

    def rename(self, rename: Rename) -> Ravel:
        return Ravel(Labels(map(rename, self.left)), Labels(map(rename, self.right)))


@dataclass(frozen=True, slots=True)
class Pick:
    """1 where `whole == index[at]`, for an integer value known at run time."""

    index: Value
    at: Labels
    whole: Label

    @property
    def labels(self) -> Labels:
        return Labels((*self.at, self.whole))

    def rename(self, rename: Rename) -> Pick:
        return Pick(self.index, Labels(map(rename, self.at)), rename(self.whole))


@dataclass(frozen=True, slots=True)
class Map:
    """A linear map from `right` to `left` given by functions that emit nodes; another one at each position
    of `over`.

    `push(t, lead)` maps a value with `lead` leading axes, then `over`, then `right`, to one whose last axes
    are `left`; `pull` is its transpose. Both leave the axes before as they are.
    """

    push: Callable[[Value, int], Value]
    pull: Callable[[Value, int], Value]
    left: Labels
    right: Labels
    over: Labels = Labels()  # noqa: RUF009 - immutable

    @property
    def labels(self) -> Labels:
        return Labels(self.over + self.left + self.right)

    def rename(self, rename: Rename) -> Map:
        left, right, over = (Labels(map(rename, side)) for side in (self.left, self.right, self.over))
        return Map(self.push, self.pull, left, right, over)


Link = Slice | Ravel | Pick | Map
Factor = Dense | Link


# -------------------------------------------------------------------------------------- terms


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A number times a size over a size, e.g. `1/batch`."""

    number: float = 1.0
    times: Size = 1
    over: Size = 1

    def __mul__(self, other: Coefficient) -> Coefficient:
        if not isinstance(other, Coefficient):
            return NotImplemented  # a sum of terms scales itself
        return Coefficient(self.number * other.number, self.times * other.times, self.over * other.over)

    def __str__(self) -> str:
        text = f"{self.number:g}"
        text += f"*{self.times}" if self.times != 1 else ""
        return text + (f"/({self.over})" if self.over != 1 else "")


ONE = Coefficient()


@dataclass(frozen=True, slots=True)
class Term:
    """One labelled product; see the module's first lines for what it means."""

    out: Labels
    in_: Labels
    factors: tuple[Factor, ...] = ()
    coefficient: Coefficient = ONE

    @property
    def T(self) -> Term:
        """The transpose."""
        return Term(self.in_, self.out, self.factors, self.coefficient)

    def __str__(self) -> str:
        letters: dict[Label, str] = {}

        def spell(group: Iterable[Label]) -> str:
            return "".join(letters.setdefault(label, chr(ord("a") + len(letters))) for label in group)

        sides = f"{spell(self.out)}|{spell(self.in_)}"
        return " ".join([str(self.coefficient), sides, *(_factor_text(f, spell) for f in self.factors)])


def _factor_text(factor: Factor, spell: Callable[[Iterable[Label]], str]) -> str:
    match factor:
        case Dense(value, at):
            return f"{value.node.op.label or value.node.op.name}[{spell(at)}]"
        case Slice(part, whole, start, step):
            return f"({spell([whole])}={start}+{step}{spell([part])})"
        case Ravel(left, right):
            return f"({spell(left)}~{spell(right)})"
        case Pick(_, at, whole):
            return f"({spell([whole])}=index[{spell(at)}])"
        case Map(_, _, left, right, over):
            return f"map[{spell((*over, *left))}|{spell((*over, *right))}]"


class Terms(tuple[Term, ...]):
    """A sum of terms; empty: an exact zero."""

    __slots__ = ()

    @property
    def T(self) -> Terms:
        """The transpose of the sum."""
        return Terms(term.T for term in self)

    def __add__(self, other: tuple[Term, ...]) -> Terms:  # type: ignore[override]
        return Terms((*self, *other))

    def __sub__(self, other: Terms) -> Terms:
        return self + -1.0 * other

    def __rmul__(self, factor: float | Coefficient) -> Terms:  # type: ignore[override]
        scale = factor if isinstance(factor, Coefficient) else Coefficient(factor)
        return Terms(Term(t.out, t.in_, t.factors, scale * t.coefficient) for t in self)

    def __str__(self) -> str:
        return " + ".join(map(str, self)) or "0"


ZERO = Terms()


@dataclass(frozen=True, slots=True)
class NotDifferentiable:
    """In place of terms: there is no derivative, and why."""

    reason: str


Grid = Sequence[Sequence[Terms | NotDifferentiable]]


def term(out: Labels, in_: Labels, *factors: Factor | tuple[Value, Labels]) -> Terms:
    """A sum of one term; a pair (value, labels) is a dense factor."""
    return Terms((Term(out, in_, tuple(Dense(*f) if isinstance(f, tuple) else f for f in factors)),))


def compose(outer: Term, inner: Term) -> Term:
    """The term of `outer(inner(t))`.

    A label that `inner` repeats and `outer` sums disappears and leaves its size in the coefficient.
    """
    names: dict[Label, Label] = dict(zip(inner.out, outer.in_, strict=True))

    def rename(label: Label) -> Label:
        if label not in names:
            names[label] = Label(label.size)
        return names[label]

    in_ = Labels(map(rename, inner.in_))
    factors = outer.factors + tuple(factor.rename(rename) for factor in inner.factors)
    seen = {*outer.out, *in_}.union(*(factor.labels for factor in factors))
    coefficient = outer.coefficient * inner.coefficient
    for label in outer.in_:
        if label not in seen:
            coefficient = coefficient * Coefficient(times=label.size)
    return Term(outer.out, in_, factors, coefficient)
