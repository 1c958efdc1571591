"""docs/ops.md lists every op as it is: made from the rooms and the table of cases, not written by hand.

`python tests/test_ops_page.py --write` makes the page anew.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx.defs

import irgraph as ig
from irgraph.dims import Size
from irgraph.errors import ExportError, IrgraphError
from irgraph.local_jacobian import NotDifferentiable, Terms
from irgraph.onnx import to_model
from irgraph.op import OPS, Op
from irgraph.testing import CASES
from irgraph.types import DTYPES, DType, TensorType
from irgraph.value import Node

PAGE = Path(__file__).parent.parent / "docs" / "ops.md"
HEAD = """# The ops

Made by `python tests/test_ops_page.py --write` from the rooms of `irgraph/ops` and
`irgraph/control_flow`, and the table of cases. The columns tell of one case for each op, with its sizes:

- **derivative**: terms `coefficient output|input factors`, one sum for each input, as
  [how it works](how-it-works.md#gradients) explains; `vjp, jvp` where the op states both directions for the
  whole node, which then go first; `expansion` where it is differentiated through what it expands to.
- **flops** and **bytes** of that case, in the named dims.
- **ONNX**: the operators written for it and the opset that they need, or why there are none.
- **dtypes** of the operands that may vary: `float`, `int` and `uint` are all of the kind.
"""
CELL = 90  # characters of a cell's text


# -------------------------------------------------------------------------------------- samples


def sample(op: type[Op]) -> Node | None:
    """The op's node in its first case, with named dims where there is one; `a`, `b`, … are its operands."""
    for case in sorted((case for case in CASES if case.op == op.name), key=lambda case: not case.names):
        node = case.node(case.build_graph(named=bool(case.names)))
        if not node.inputs:
            node = case.node(case.build_graph())
        letters = [chr(ord("a") + n) for n in range(len(node.inputs))]
        return Node(
            node.op,
            [
                value if value.node.op.source == "state" else ig.input(letter, value.shape, value.dtype)
                for letter, value in zip(letters, node.inputs, strict=True)
            ],
        )
    return None


# -------------------------------------------------------------------------------------- columns


def derivative(node: Node) -> str:
    op = node.op
    parts = ["vjp, jvp"] if op.states_vjp() and op.states_jvp() else ["vjp"] if op.states_vjp() else []
    if op.states_terms() and node.inputs:
        grid = op.local_jacobians(node.inputs, node.outputs)
        parts += [_terms(terms) for terms in grid[0]]
    elif not parts and node.inputs:
        parts = ["expansion"]
    return "<br>".join(parts) or "a source"


def _terms(terms: Terms | NotDifferentiable) -> str:
    if isinstance(terms, NotDifferentiable):
        return f"none: {terms.reason}"
    text = " + ".join(str(term) for term in terms) or "0"
    return f"`{_short(text)}`"


def _short(text: str) -> str:
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def cost(node: Node) -> tuple[str, str]:
    if not node.inputs:
        return "", ""
    found = node.op.cost([v.type for v in node.inputs], [v.type for v in node.outputs])
    return _size(found.flops), _size(found.nbytes)


def _size(size: Size) -> str:
    return f"`{_short(str(size))}`"


def onnx_form(node: Node) -> str:
    if node.op.source:
        return "input" if node.op.source == "input" else "input or initializer"
    if node.op.no_onnx:
        return f"none: {node.op.no_onnx}"
    try:
        graph = ig.Graph({f"y{n}": value for n, value in enumerate(node.outputs)})
        model = to_model(ig.compile(list(graph.outputs)) if graph.states else graph)
    except ExportError as error:
        return f"none: {_short(str(error).splitlines()[0])}"
    types = list(dict.fromkeys(each.op_type for each in model.graph.node))
    opset = max(
        (onnx.defs.get_schema(name, model.opset_import[0].version).since_version for name in types), default=1
    )
    linked = [f"[{name}](https://onnx.ai/onnx/operators/onnx__{name}.html)" for name in types[:4]]
    more = f", and {len(types) - 4} more" if len(types) > 4 else ""
    return (", ".join(linked) + more + f"; opset {opset}") if types else "nothing to write"


def dtypes(node: Node) -> str:
    """The dtypes that the float operands, or without any the first one and its like, may have together."""
    if not node.inputs:
        return "any"
    first = next((v.dtype for v in node.inputs if v.dtype.is_float), node.inputs[0].dtype)
    taken = [dtype for dtype in DTYPES.values() if _accepts(node, first, dtype)]
    kinds: list[str] = []
    for kind in dict.fromkeys(dtype.kind for dtype in DTYPES.values()):
        known = [dtype for dtype in DTYPES.values() if dtype.kind == kind]
        found = [dtype for dtype in known if dtype in taken]
        kinds += [kind] if found == known else [str(dtype) for dtype in found]
    return ", ".join(kinds)


def _accepts(node: Node, first: DType, dtype: DType) -> bool:
    if dtype.is_complex and not node.op.accepts_complex():
        return False
    types = [TensorType(dtype, v.shape) if v.dtype is first else v.type for v in node.inputs]
    try:
        node.op.infer(*types)
    except IrgraphError:
        return False
    return True


# ----------------------------------------------------------------------------------------- page


def rooms() -> Iterator[ModuleType]:
    """The rooms that hold ops or public functions, by name."""
    names = {op.__module__ for op in OPS.values()} | {
        function.__module__ for function in vars(ig).values() if inspect.isfunction(function)
    }
    for name in sorted(names, key=lambda name: (not name.startswith("irgraph.ops."), name)):
        if name.startswith(("irgraph.ops.", "irgraph.control_flow.")):
            yield importlib.import_module(name)


def functions(room: ModuleType) -> list[tuple[str, Any]]:
    """The public functions of a room, in the order in which they are written."""
    found = [
        (name, f) for name, f in vars(ig).items() if inspect.isfunction(f) and f.__module__ == room.__name__
    ]
    return sorted(found, key=lambda pair: inspect.unwrap(pair[1]).__code__.co_firstlineno)


def signature(name: str, function: Any) -> str:
    """The call without annotations."""
    parameters = [
        p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(function).parameters.values()
    ]
    shown = inspect.Signature(parameters)
    return f"{name}{shown}"


def first_sentence(thing: Any) -> str:
    return re.sub(r"\s+", " ", (inspect.getdoc(thing) or "").split("\n\n")[0])


def row(op: type[Op]) -> str:
    node = sample(op)
    if node is None:
        return f"| `{op.name}` | {_cell(first_sentence(op))} | | | | | |"
    cells = [derivative(node), *cost(node), onnx_form(node), dtypes(node)]
    return f"| `{op.name}` | {_cell(first_sentence(op))} | " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page() -> str:
    """The whole page."""
    sections = [HEAD]
    for room in rooms():
        name = room.__name__.rpartition(".")[2]
        sections.append(
            f"## {name}\n\n{first_sentence(room)} [Source](../{room.__name__.replace('.', '/')}.py)\n"
        )
        listed = [f"- `{signature(*pair)}`: {first_sentence(pair[1])}" for pair in functions(room)]
        if listed:
            sections.append("\n".join(listed) + "\n")
        ops = [op for op in OPS.values() if op.__module__ == room.__name__]
        if ops:
            head = "| op | | derivative | flops | bytes | ONNX | dtypes |\n|---|---|---|---|---|---|---|"
            sections.append("\n".join([head, *map(row, ops)]) + "\n")
    return "\n".join(sections)


def test_the_page_is_current() -> None:
    wanted = page().splitlines()
    found = PAGE.read_text(encoding="utf-8").splitlines()
    changed = [line for line in wanted if line not in found] + [line for line in found if line not in wanted]
    assert wanted == found, (
        f"docs/ops.md is out of date: python tests/test_ops_page.py --write; e.g. {changed[:2]}"
    )


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: python tests/test_ops_page.py --write")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
