"""A graph: named inputs, named outputs, and updates of state variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from .dims import Size
from .errors import GraphError, explain
from .op import Cost, Op
from .origin import carrying
from .value import Node, Value

Update = tuple[Value, Value]  # (state variable, its new value)


def topological_order(roots: Iterable[Value], known: Iterable[Node] = ()) -> list[Node]:
    """The nodes that the roots need, each after its inputs, in a stable depth-first order. O(nodes).

    The walk stops before the nodes in `known`.
    """
    order: list[Node] = []
    entered = set(known)
    left = set(entered)
    stack = [root.node for root in roots]
    stack.reverse()
    while stack:
        node = stack[-1]
        if node not in entered:
            entered.add(node)
            for value in reversed(node.inputs):
                if value.node not in entered:
                    stack.append(value.node)
        else:
            stack.pop()
            if node not in left:
                left.add(node)
                order.append(node)
    return order


class Graph:
    """Values to compute and state variables to update, with everything they need.

    `outputs` maps names to values (a sequence gets the values' own names, or `output0`, …).
    Raises GraphError where one name stands for two inputs or state variables, or where one state
    variable has two updates.

    >>> import irgraph as ig
    >>> x = ig.input("x", (3,))
    >>> [node.op.name for node in Graph({"y": x * x + x}).nodes]
    ['input', 'multiply', 'add']
    """

    def __init__(
        self, outputs: Mapping[str, Value] | Sequence[Value], updates: Iterable[Update] = ()
    ) -> None:
        if not isinstance(outputs, Mapping):
            outputs = name_outputs(outputs)
        self.output_names = tuple(outputs)
        self.outputs = tuple(outputs.values())
        self.updates = tuple(updates)
        self._check_names()
        self._check_updates()

    @property
    def roots(self) -> list[Value]:
        """Outputs, then each updated variable and its new value."""
        return [*self.outputs, *(value for update in self.updates for value in update)]

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes in topological order."""
        return topological_order(self.roots)

    @cached_property
    def inputs(self) -> dict[str, Value]:
        """The feeds by name, in order of first use."""
        return self._sources("input")

    @cached_property
    def states(self) -> dict[str, Value]:
        """The state variables by name, in order of first use."""
        return self._sources("state")

    @cached_property
    def users(self) -> dict[Value, list[Node]]:
        """The nodes that read each value, in order; one entry for each reading."""
        users: dict[Value, list[Node]] = {value: [] for node in self.nodes for value in node.outputs}
        for node in self.nodes:
            for value in node.inputs:
                users[value].append(node)
        return users

    def cost(self) -> Cost:
        """Flops and bytes of one run, summed over all nodes, in the named dims."""
        flops: Size = 0
        nbytes: Size = 0
        for node in self.nodes:
            cost = node.op.cost([v.type for v in node.inputs], [v.type for v in node.outputs])
            flops, nbytes = flops + cost.flops, nbytes + cost.nbytes
        return Cost(flops, nbytes)

    def rebuild(self, replace: Callable[[Node, tuple[Value, ...]], Sequence[Value]]) -> Graph:
        """A new graph from a walk in topological order.

        `replace(node, inputs)` gets each node with its already replaced inputs and returns the values
        that stand for its outputs. Returns this graph where nothing changed.
        """
        now: dict[Value, Value] = {}
        changed = False
        for node in self.nodes:
            inputs = tuple([now[value] for value in node.inputs])
            values = replace(node, inputs)
            for old, new in zip(node.outputs, values, strict=True):
                now[old] = new
                changed = changed or old is not new
        if not changed:
            return self
        outputs = dict(zip(self.output_names, (now[value] for value in self.outputs), strict=True))
        return Graph(outputs, [(now[state], now[new]) for state, new in self.updates])

    def substitute(self, replacements: Mapping[Value, Value]) -> Graph:
        """A new graph with some values replaced by others; types are inferred anew where they change."""

        def replace(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
            values = keep(node, inputs)
            return [replacements.get(old, new) for old, new in zip(node.outputs, values, strict=True)]

        return self.rebuild(replace)

    def structure(self) -> tuple[object, ...]:
        """A value that is equal for graphs that compute the same by the same nodes in the same order."""
        number: dict[Value, int] = {}
        rows: list[tuple[Op, tuple[int, ...]]] = []
        for node in self.nodes:
            rows.append((node.op, tuple(number[value] for value in node.inputs)))
            for value in node.outputs:
                number[value] = len(number)
        ends = tuple(number[value] for value in self.roots)
        return (tuple(rows), self.output_names, ends)

    def __str__(self) -> str:
        from .printing import to_text  # the text form is one layer above

        return to_text(self, elide=True).rstrip()

    def _repr_svg_(self) -> str | None:
        from .view.notebook import as_svg

        return as_svg(self)

    def _repr_html_(self) -> str:
        from .view.notebook import as_html

        return as_html(self)

    def __reduce__(self) -> tuple[Callable[[str], Graph], tuple[str]]:
        from .printing import parse, to_text

        return parse, (to_text(self),)

    def _sources(self, kind: str) -> dict[str, Value]:
        return {str(n.op.label): n.outputs[0] for n in self.nodes if n.op.source == kind}

    def _check_names(self) -> None:
        owner: dict[str | None, Node] = {}
        for node in self.nodes:
            if node.op.source and owner.setdefault(node.op.label, node) is not node:
                first = owner[node.op.label]
                do = "Rename one, or build it once and use that value in both places."
                if getattr(first.op, "trainable", None) != getattr(node.op, "trainable", None):
                    do = (
                        "One is trained and the other is not: freeze or unfreeze a layer before building, or "
                        "choose with minimize(loss, parameters=[...])."
                    )
                raise GraphError(
                    explain(
                        f"the name {node.op.label!r} used twice, by {first!r} and by {node!r}",
                        "a name of its own for each input and parameter",
                        node.origin,
                        do,
                    )
                )

    def _check_updates(self) -> None:
        updated: dict[Value, Value] = {}
        for state, new in self.updates:
            if state.node.op.source != "state":
                raise GraphError(
                    explain(
                        f"an update of {state!r}",
                        "a parameter or state variable",
                        state.node.origin,
                        "Update what irgraph.parameter or irgraph.state made.",
                    )
                )
            if state in updated:
                first = updated[state]
                raise GraphError(
                    explain(
                        f"two updates of {state.label!r}, from {first.node.origin} and {new.node.origin}",
                        "one update for each state variable",
                        state.node.origin,
                        "Combine them into one new value; if a layer made them, call it once, on its inputs "
                        "concatenated.",
                    )
                )
            if new.type != state.type:
                raise GraphError(
                    explain(
                        f"the new value {new!r} for {state.label!r}",
                        f"the variable's own type, {state.type}",
                        new.node.origin,
                        "Reshape or cast the new value.",
                    )
                )
            updated[state] = new


def keep(node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """The node on these inputs: itself where they are its own."""
    if inputs == node.inputs:
        return node.outputs
    return node.with_inputs(inputs).outputs


def expansion(node: Node, inputs: tuple[Value, ...] | None = None) -> Sequence[Value] | None:
    """What the node's op expands to, with the node's origin; None for a primitive.

    Raises GraphError where it has other types than the node.
    """
    with carrying(node.origin):
        simpler = node.op.expand(*(node.inputs if inputs is None else inputs))
    if simpler is not None and [value.type for value in simpler] != [value.type for value in node.outputs]:
        found = ", ".join(str(value.type) for value in simpler) or "nothing"
        needed = ", ".join(str(value.type) for value in node.outputs)
        raise GraphError(explain(f"{found} from expand() of {node.op.name}", needed, node.origin))
    return simpler


def name_outputs(values: Sequence[Value]) -> dict[str, Value]:
    """Names for outputs that were given without: the value's own, else `output0`, `output1`, …"""
    named: dict[str, Value] = {}
    for position, value in enumerate(values):
        name = value.node.name or value.node.op.label or f"output{position}"
        if name in named:
            name = f"output{position}"
        while name in named:
            name += "_"
        named[name] = value
    return named
