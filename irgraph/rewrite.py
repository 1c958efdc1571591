"""Rewrite rules: patterns are ordinary expressions.

`Rule("log softmax", lambda x: log(softmax(x)), lambda x, axis: log_softmax(x, axis))` reads as it
works: the pattern is traced once on placeholders; its parameters stand for any values, numbers in it
for constants. Ops match by class. The replacement may ask, by name, for static attributes of the
matched ops (`axis` above).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

from .dims import Dim
from .local_jacobian import Grid
from .op import Op
from .ops.constants import Full, splat
from .types import TensorType, float32
from .value import Node, Value


@final
@dataclass(frozen=True)
class Placeholder(Op):
    """Stands for any value while a pattern is traced; never part of a user's graph."""

    name: ClassVar[str] = "placeholder"
    no_onnx: ClassVar[str | None] = "it only occurs in the patterns of rewrite rules"
    parameter: str

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(float32, (Dim.of("any"),)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[]]


@dataclass(frozen=True)
class Rule:
    """Replace what matches `pattern` by `replacement`, where `when` holds.

    `only_use`: the matched inner nodes must have no other users, so that no work is done twice.
    """

    name: str
    pattern: Callable[..., Value]
    replacement: Callable[..., Value]
    when: Callable[..., bool] | None = None
    only_use: bool = False

    @cached_property
    def root(self) -> Node:
        """The traced pattern."""
        parameters = inspect.signature(self.pattern).parameters
        return self.pattern(*[Placeholder(name)() for name in parameters]).node

    @cached_property
    def inner(self) -> frozenset[type[Op]]:
        """The ops that the root's operands must be: a quick no for most nodes."""
        ops = (value.node.op for value in self.root.inputs)
        return frozenset(type(op) for op in ops if not isinstance(op, Placeholder))

    def apply(self, node: Node, uses: Mapping[Value, int]) -> Value | None:
        """The replacement for the node, or None where the rule does not match."""
        if not self.inner.issubset([type(value.node.op) for value in node.inputs]):
            return None
        found: dict[str, Any] = {}
        if not _match(self.root, node, found, uses if self.only_use else None, root=True):
            return None
        if self.when is not None and not self.when(**_wanted(self.when, found)):
            return None
        value = self.replacement(**_wanted(self.replacement, found))
        return value if value.type == node.outputs[0].type else None


def _wanted(function: Callable[..., Any], found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in inspect.signature(function).parameters}


def _match(
    pattern: Node, node: Node, found: dict[str, Any], uses: Mapping[Value, int] | None, root: bool = False
) -> bool:
    if type(pattern.op) is not type(node.op) or len(pattern.inputs) != len(node.inputs):
        return False
    if uses is not None and not root and uses.get(node.outputs[0], 0) > 1:
        return False
    for inputs in (node.inputs, node.inputs[::-1]) if node.op.commutes else (node.inputs,):
        trial = dict(found)
        if all(_match_value(p, v, trial, uses) for p, v in zip(pattern.inputs, inputs, strict=True)):
            found.update(trial)
            for name, attribute in node.op.attributes().items():
                found.setdefault(name, attribute)
            return True
    return False


def _match_value(
    pattern: Value, value: Value, found: dict[str, Any], uses: Mapping[Value, int] | None
) -> bool:
    op = pattern.node.op
    if isinstance(op, Placeholder):
        return found.setdefault(op.parameter, value) is value
    if isinstance(op, Full):
        return splat(value) == op.number
    return pattern.index == value.index and _match(pattern.node, value.node, found, uses)


class RuleSet:
    """Rules indexed by the class of their root, so that a walk asks only those that may match."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)

    @cached_property
    def _by_op(self) -> dict[type[Op], list[Rule]]:
        table: dict[type[Op], list[Rule]] = {}
        for rule in self._rules:
            table.setdefault(type(rule.root.op), []).append(rule)
        return table

    def apply(self, node: Node, uses: Mapping[Value, int]) -> tuple[Rule, Value] | None:
        """The first rule that matches, with its replacement."""
        for rule in self._by_op.get(type(node.op), ()):
            value = rule.apply(node, uses)
            if value is not None:
                return rule, value
        return None
