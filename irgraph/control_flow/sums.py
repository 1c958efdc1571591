"""Sums over all steps of a scan: the cotangents of what its body captures.

A sum of products of matrices is one product of what the steps stack: `sum_t a[t].T @ b[t]` contracts over the
steps and the rows at once. Views and sums go out of the loop with it. All else is added up in a carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..local_jacobian import Dense, Label, Labels, labels
from ..op import Op
from ..ops.arithmetic import Add, Multiply, Negative
from ..ops.constants import zeros
from ..ops.contract import contract
from ..ops.matmul import Matmul
from ..ops.reduce import Sum
from ..ops.shape import Reshape, Transpose
from ..value import Value
from .building import Loop, dependents

DEEPEST = 100
"""How many views and additions a sum is followed through."""

Outside = Callable[[Sequence[Value], Sequence[Value]], Value]
"""A value outside the loop, from the last carries of the sums and from what the steps stacked."""


class Sums:
    """The sums of some values of a step. `new` are the carries that they take, `ys` what is to be stacked."""

    def __init__(self, loop: Loop, values: Sequence[Value]) -> None:
        self.new: list[Value] = []
        self.ys: list[Value] = []
        self._loop = loop
        self._carried: dict[Value, int] = {}
        self._deferred: list[Callable[[], None]] = []
        products = [value for value in values if _is_product(value)]
        order = [*products, *(value for value in values if value not in products)]
        found = {value: self._sum(value) for value in order}  # products first: what they stack is free
        self._outside = [found[value] for value in values]

    def totals(self, carries: Sequence[Value], stacked: Sequence[Value]) -> list[Value]:
        """The sums, for the last carries of `new` and the stacked `ys`."""
        return [outside(carries, stacked) for outside in self._outside]

    def _sum(self, value: Value, depth: int = 0) -> Outside:
        node, op = value.node, value.node.op
        if depth < DEEPEST and isinstance(op, Add) and all(each.type == value.type for each in node.inputs):
            a, b = (self._sum(each, depth + 1) for each in node.inputs)
            return lambda carries, stacked: Add()(a(carries, stacked), b(carries, stacked))
        if depth < DEEPEST and isinstance(op, (Transpose, Reshape, Negative)) and self._is_made(value):
            inner = self._sum(node.inputs[0], depth + 1)
            return lambda carries, stacked: op(inner(carries, stacked))
        if _multiplies(value) and all(map(self._moves, node.inputs)):
            left, right = (self._stacked(each, may_ask=True) for each in node.inputs)
            assert left is not None
            assert right is not None
            return lambda carries, stacked: _product(value, left(carries, stacked), right(carries, stacked))
        if isinstance(op, Sum):
            whole = self._stacked(node.inputs[0], may_ask=False)
            if whole is not None:
                wide = replace(op, axes=(0, *(axis + 1 for axis in op.axes)))
                return lambda carries, stacked: Reshape(value.shape)(wide(whole(carries, stacked)))
        return self._added_up(value)

    def _is_made(self, value: Value) -> bool:
        """Whether it depends on what a step is given."""
        return value not in self._loop.xs and value not in self._loop.carries

    def _moves(self, value: Value) -> bool:
        """Whether a value is not the same in all steps."""
        return not self._is_made(value) or value.node in dependents(
            [value], [*self._loop.carries, *self._loop.xs]
        )

    def _added_up(self, value: Value) -> Outside:
        whole = self._stacked(value, may_ask=False)
        if whole is not None:
            return lambda carries, stacked: Sum((0,), False)(whole(carries, stacked))
        if value not in self._carried:
            self._carried[value] = len(self.new)
            self.new.append(Add()(self._loop.carry(zeros(value.shape, value.dtype)), value))
        position = self._carried[value]
        return lambda carries, stacked: carries[position]

    def _stacked(self, value: Value, may_ask: bool) -> Outside | None:
        """All steps' values as one array; None where that is one more output, and we may not ask for it."""
        op = value.node.op
        if value in self._loop.xs:
            whole = self._loop.stacked[self._loop.xs.index(value)]
            return lambda carries, stacked: whole
        if isinstance(op, (Transpose, Reshape)):
            inner = self._stacked(value.node.inputs[0], may_ask)
            if inner is None:
                return None
            turned: Op
            if isinstance(op, Transpose):
                turned = Transpose((0, *(axis + 1 for axis in op.axes)))
            else:
                turned = Reshape((self._loop.length, *value.shape))
            return lambda carries, stacked: turned(inner(carries, stacked))
        if value not in self.ys:
            if not may_ask:
                return None
            self.ys.append(value)
        position = self.ys.index(value)
        return lambda carries, stacked: stacked[position]


def _is_product(value: Value) -> bool:
    """Whether a sum of it goes out of the loop as a product."""
    stack = [value]
    while stack:
        value = stack.pop()
        if _multiplies(value):
            return True
        if isinstance(value.node.op, (Transpose, Reshape, Negative, Add)):
            stack += value.node.inputs
    return False


def _multiplies(value: Value) -> bool:
    """Whether a value is a product of two matrices, or an outer one of two vectors."""
    op = value.node.op
    if isinstance(op, Multiply):
        return value.ndim == 2 and all(each.shape != value.shape for each in value.node.inputs)
    return isinstance(op, Matmul) and value.ndim == 2


def _product(value: Value, a: Value, b: Value) -> Value:
    """The sum of such a product over the steps, for all left and all right factors."""
    steps, out = Label(a.shape[0]), labels(value)
    if isinstance(value.node.op, Matmul):
        inner = Label(a.shape[2])
        left, right = Labels((steps, out[0], inner)), Labels((steps, inner, out[1]))
    else:
        left, right = (Labels((steps, *out.against(each.shape[1:]))) for each in (a, b))
    return contract([Dense(a, left), Dense(b, right)], out, value.dtype)
