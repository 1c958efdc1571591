"""Graphs from their text; see `irgraph.printing` for the form."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable
from typing import Any, NoReturn, cast

from .attributes import construct, read_attribute, read_type
from .errors import GraphError, IrgraphError
from .graph import Graph, Update
from .op import OPS, Op
from .origin import UNKNOWN, Origin, Phase
from .region import Region
from .types import TensorType
from .value import Node, Value

ID = r"[\w./:-]+"
_STRING = r"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*\""""
_HEAD = re.compile(rf"(%{ID}(?:, %{ID})*)(?: ({_STRING}))? = ([\w.]+)\(")
_OPERAND = re.compile(rf"%({ID})(?:, )?")
_BRACKET = re.compile(rf"{_STRING}|([(\[])|([)\]])")
_TAIL = re.compile(r"(?: : ([^#]*?))?\s*(?:#\s*(.*))?")
_RETURN = re.compile(rf"({ID}|{_STRING})=%({ID})(?:, |$)")
_UPDATE = re.compile(rf"update %({ID}) = %({ID})")
_REGION = re.compile(rf"region ({ID}) {{")
_DATUM = re.compile(r"(\w+) = '([^']*)'")
_SCALAR = re.compile(rf"({_STRING})|(?<=\w)\[\]")  # `float32[]` is no Python expression
_ORIGIN = re.compile(rf"({_STRING}|.*):(\d+)(?: (backward|tangent|update))?", re.DOTALL)


def parse(text: str) -> Graph:
    """The graph that `to_text` printed: the same structure, names, origins, outputs and updates.

    Types are inferred anew and compared with the text. Linear time. Raises GraphError, with the number
    of the line, for text that is no graph, an unknown op, or a type that is not what the op infers.

    >>> parse("graph {\\n}").outputs
    ()
    """
    return _Parser().parse(text)


class _Parser:
    def __init__(self) -> None:
        self.line = 0
        self.data: dict[str, str] = {}
        self.regions: dict[str, Region | list[tuple[int, str]]] = {}  # as lines until one is needed
        self.values: dict[str, Value] = {}
        self.outputs: dict[str, Value] = {}
        self.updates: list[Update] = []
        self.ops: dict[tuple[str, str], Op] = {}
        self.types: dict[str, tuple[TensorType, ...]] = {}
        self.origins: dict[str, Origin] = {}

    def parse(self, text: str) -> Graph:
        numbered = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1)]
        lines = [(n, line) for n, line in numbered if line and not line.startswith("#")]
        graph, rest = self.section("graph", lines)
        while rest and (found := _REGION.fullmatch(rest[0][1])):
            self.regions[found[1]], rest = self.section(f"region {found[1]}", rest)
        if rest:
            data, rest = self.section("data", rest)
            self.read_data(data)
        if rest:
            self.line = rest[0][0]
            self.fail(rest[0][1], "the end of the text")
        return self.read_graph(graph)

    def read_graph(self, lines: Iterable[tuple[int, str]]) -> Graph:
        for self.line, line in lines:
            if line.startswith("%"):
                self.read_node(line)
            elif line.startswith("return "):
                self.read_return(line)
            elif found := _UPDATE.fullmatch(line):
                self.updates.append((self.value(found[1]), self.value(found[2])))
            else:
                self.fail(line, "`%id = op(…)`, `return name=%id` or `update %id = %id`")
        return Graph(self.outputs, self.updates)

    def fail(self, found: str, needed: str) -> NoReturn:
        shown = found if len(found) <= 200 else found[:200] + " …"
        raise GraphError(f"line {self.line}: found {shown!r}; needed {needed}.")

    def section(
        self, name: str, lines: list[tuple[int, str]]
    ) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """The lines of `name { … }` and those after it."""
        self.line, opening = lines[0] if lines else (1, "")
        if opening != f"{name} {{":
            self.fail(opening, f"`{name} {{`")
        for position, (number, line) in enumerate(lines):
            self.line = number
            if line == "}":
                return lines[1:position], lines[position + 1 :]
        self.fail("the end of the text", f"`}}` after `{name} {{`")

    def read_data(self, lines: Iterable[tuple[int, str]]) -> None:
        for self.line, line in lines:
            found = _DATUM.fullmatch(line)
            if not found:
                self.fail(line, "`key = 'base64'`")
            self.data[found[1]] = found[2]

    def read_return(self, line: str) -> None:
        position = len("return ")
        while position < len(line):
            found = _RETURN.match(line, position)
            if not found:
                self.fail(line[position:], "`name=%id`")
            name = ast.literal_eval(found[1]) if found[1][0] in "'\"" else found[1]
            if name in self.outputs:
                self.fail(found[0], f"one output named {name!r}")
            self.outputs[name] = self.value(found[2])
            position = found.end()

    def value(self, key: str) -> Value:
        if key not in self.values:
            self.fail(f"%{key}", f"a value that an earlier line makes{_near(key, self.values)}")
        return self.values[key]

    def read_node(self, line: str) -> None:
        head = _HEAD.match(line)
        if not head:
            self.fail(line, "`%id = op(%operand, attribute=value) : type  # file:line`")
        keys = [key[1:] for key in head[1].split(", ")]
        inputs, position = [], head.end()
        while operand := _OPERAND.match(line, position):
            inputs.append(self.value(operand[1]))
            position = operand.end()
        end = self.closing(line, position)
        tail = _TAIL.fullmatch(line, end + 1)
        if not tail:
            self.fail(line[end + 1 :], "`: type`, a comment, or nothing after the op")
        op = self.op(head[3], line[position:end])
        name: str | None = ast.literal_eval(head[2]) if head[2] else None
        if name is None and op.label is None and len(keys) == 1 and not keys[0].isdecimal():
            name = keys[0]
        node = self.build(op, inputs, name, self.origin(tail[2] or ""))
        self.check_types(node, tail[1])
        if len(keys) != len(node.outputs):
            self.fail(head[1], f"{len(node.outputs)} ids for what {op.name} makes")
        for key, value in zip(keys, node.outputs, strict=True):
            if self.values.setdefault(key, value) is not value:
                self.fail(f"%{key}", "an id that is not in use")

    def closing(self, line: str, position: int) -> int:
        """Where the bracket closes that was opened before `position`."""
        depth = 1
        for token in _BRACKET.finditer(line, position):
            depth += 1 if token[1] else -1 if token[2] else 0
            if depth == 0:
                return token.start()
        self.fail(line, "a closing bracket")

    def op(self, name: str, text: str) -> Op:
        """The op; equal text gives the same instance."""
        op = self.ops.get((name, text))
        if op is None:
            if name not in OPS:
                self.fail(name, f"a known op{_near(name, OPS)}; import the module that defines it")
            tree = self.expression(text, "_({})")
            if not isinstance(tree, ast.Call) or tree.args or not isinstance(tree.func, ast.Name):
                self.fail(text, "operands, then `attribute=value`")
            try:
                values = {k.arg or "**": self.attribute(k.value) for k in tree.keywords}
                op = construct(OPS[name], name, values)
            except IrgraphError as error:
                raise GraphError(f"line {self.line}: {error}") from error
            self.ops[name, text] = op
        return op

    def attribute(self, tree: ast.expr) -> Any:
        match tree:
            case ast.Call(func=ast.Name(id="region"), args=[ast.Constant(value=str(key))], keywords=[]):
                return self.region(key)
        return read_attribute(tree, self.data)

    def region(self, key: str) -> Region:
        found = self.regions.get(key)
        if found is None:
            self.fail(f"region({key!r})", f"`region {key} {{` below the graph{_near(key, self.regions)}")
        if isinstance(found, list):
            inner = _Parser()
            inner.data, inner.ops, inner.types = self.data, self.ops, self.types
            inner.origins, inner.regions = self.origins, {**self.regions}
            del inner.regions[key]  # it is not inside itself
            found = self.regions[key] = Region(inner.read_graph(found))
        return found

    def expression(self, text: str, within: str) -> ast.expr:
        source = within.format(text)
        if "[]" in source:
            source = _SCALAR.sub(lambda found: found[1] or "[()]", source)
        try:
            return ast.parse(source, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.fail(text, f"Python expressions ({getattr(error, 'msg', error)})")

    def build(self, op: Op, inputs: list[Value], name: str | None, origin: Origin) -> Node:
        try:
            return Node(op, inputs, name=name, origin=origin)
        except IrgraphError as error:
            raise GraphError(f"line {self.line}: {error}") from error
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            operands = ", ".join(str(value.type) for value in inputs)
            raise GraphError(f"line {self.line}: found {op}({operands}), which fails: {error}.") from error

    def check_types(self, node: Node, text: str | None) -> None:
        inferred = tuple([value.type for value in node.outputs])
        if not text or self.types.get(text) == inferred:
            return
        tree = self.expression(text, "({},)")
        try:
            stated = tuple(map(read_type, tree.elts if isinstance(tree, ast.Tuple) else [tree]))
        except IrgraphError as error:
            raise GraphError(f"line {self.line}: {error}") from error
        if stated != inferred:
            self.fail(text, f"{', '.join(map(str, inferred))}, which is what {node.op.name} infers")
        self.types[text] = stated

    def origin(self, text: str) -> Origin:
        if text not in self.origins:
            found = _ORIGIN.fullmatch(text)
            file = found[1] if found else ""
            if file[:1] in ("'", '"'):
                file = ast.literal_eval(file)
            phase = cast(Phase, found[3] or "forward") if found else "forward"
            self.origins[text] = Origin(file, int(found[2]), phase) if found else UNKNOWN
        return self.origins[text]


def _near(word: str, known: Iterable[Any]) -> str:
    near = difflib.get_close_matches(word, [str(other) for other in known], n=3)
    return f"; near are {', '.join(near)}" if near else ""
