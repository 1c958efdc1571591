"""What keeps the whole in order: every op is complete, layers look down only, and files stay short."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import irgraph as ig
from irgraph.op import OPS, Op
from irgraph.ops.primitives import COMPLEX_PRIMITIVES, SCALAR_PRIMITIVES
from irgraph.testing import CASES
from irgraph_array import KERNELS

ROOT = Path(__file__).parent.parent
SOURCES = {"irgraph": ROOT / "irgraph", **{p.name: p for p in (ROOT / "executors").iterdir() if p.is_dir()}}

LAYERS: list[set[str]] = [
    {
        "errors",
        "extras",
        "origin",
        "collector",
        "contraction_order",
        "polynomial",
        "dims",
        "types",
        "layout",
        "arguments",
        "attributes",
        "init",
        "tables",
    },
    {"value", "op", "local_jacobian", "onnx_writer"},
    {"graph", "region", "printing", "parsing", "verify"},
    {"ops", "linalg"},
    {"state", "rewrite", "autodiff"},
    {"control_flow"},
    {"compiler", "executor", "feeds", "function", "comparing"},
    {"jacobians"},
    {"onnx", "nn", "losses", "metrics", "optim", "train", "view", "testing"},
    {"cli"},
]
"""Each may import from its own layer and from those before it."""

LATE_IMPORTS_UPWARD: set[tuple[str, str]] = {
    ("irgraph.graph", "irgraph.view.notebook"),  # what notebooks ask the object itself for
    ("irgraph.function", "irgraph.view.notebook"),
    ("irgraph.jacobians.plan", "irgraph.view.jacobians"),
}
"""(module, imported module): imports inside functions that look up the layers, each for a reason."""

FIRST_PARTY_OPS = [op for op in OPS.values() if op.__module__.startswith("irgraph.")]
GRAPH_OPS = [op for op in FIRST_PARTY_OPS if op.name != "placeholder"]  # which only patterns contain


# ------------------------------------------------------------------------------------------ ops


def each_op(ops: list[type[Op]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("op", ops, ids=lambda op: str(op.name))


@each_op(GRAPH_OPS)
def test_an_op_has_cases(op: type[Op]) -> None:
    assert any(case.op == op.name for case in CASES)


@each_op(FIRST_PARTY_OPS)
def test_an_op_says_what_it_is(op: type[Op]) -> None:
    assert "__doc__" in op.__dict__
    assert op.__doc__
    assert not op.__doc__.startswith(f"{op.__name__}(")  # as dataclasses write it
    assert op.__dict__.get("__final__", False)


@each_op(FIRST_PARTY_OPS)
def test_an_op_states_a_derivative(op: type[Op]) -> None:
    assert op.states_terms() or (op.states_vjp() and op.states_jvp()) or op.expand is not Op.expand


@each_op(GRAPH_OPS)
def test_an_op_can_be_run(op: type[Op]) -> None:
    assert op.source or op in KERNELS or op.may_view() or op.expand is not Op.expand


@each_op(FIRST_PARTY_OPS)
def test_an_op_has_an_onnx_form_or_a_reason_for_none(op: type[Op]) -> None:
    has_form = op.source or op.onnx_type or op.export is not Op.export or op.expand is not Op.expand
    assert has_form or op.no_onnx


def test_the_scalar_primitives_are_the_elementwise_ops_without_an_expansion() -> None:
    assert len(set(SCALAR_PRIMITIVES)) == len(SCALAR_PRIMITIVES)
    assert {*SCALAR_PRIMITIVES, *COMPLEX_PRIMITIVES} == {
        op for op in GRAPH_OPS if op.elementwise and op.expand is Op.expand
    }
    assert set(SCALAR_PRIMITIVES) <= set(KERNELS)


def test_kernels_are_for_known_ops() -> None:
    assert all(OPS[op.name] is op for op in KERNELS)


# --------------------------------------------------------------------------------------- layers


@dataclass(frozen=True)
class Import:
    """One imported module; `late`: inside a function; `names`: what is taken from it."""

    importer: str
    module: str
    names: tuple[str, ...]
    late: bool


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCES[package].rglob("*.py")):
        parts = (package, *path.relative_to(SOURCES[package]).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@cache
def imports(package: str) -> tuple[Import, ...]:
    found: list[Import] = []
    for module, path in modules(package):
        home = module if path.name == "__init__.py" else module.rpartition(".")[0]
        found += imports_below(ast.parse(path.read_text()), module, home.split("."), late=False)
    return tuple(found)


def imports_below(tree: ast.AST, module: str, home: list[str], late: bool) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, (), late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = home[: len(home) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names = tuple(alias.name for alias in node.names)
            inner = [f"{base}.{name}" for name in names if is_module(f"{base}.{name}")]
            yield from (Import(module, name, (), late) for name in inner)
            if len(inner) < len(names):
                yield Import(module, base, names, late)
        else:
            inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from imports_below(node, module, home, inside)


@cache
def is_module(name: str) -> bool:
    package, *rest = name.split(".")
    if package not in SOURCES:
        return False
    path = SOURCES[package].joinpath(*rest)
    return path.is_dir() or path.with_suffix(".py").exists()


def layer(module: str) -> int | None:
    """The layer of a module of irgraph; None for the package itself."""
    room = module.split(".")[1:2]
    return next((n for n, rooms in enumerate(LAYERS) if room[0] in rooms), len(LAYERS)) if room else None


def test_every_room_has_one_layer() -> None:
    rooms = {module.split(".")[1] for module, _ in modules("irgraph") if "." in module}
    assert not rooms - set().union(*LAYERS), "give each new room a layer"
    assert sum(map(len, LAYERS)) == len(set().union(*LAYERS))


def test_layers_look_down_only() -> None:
    upward = []
    for each in imports("irgraph"):
        mine = layer(each.importer)
        if mine is None or each.module.partition(".")[0] != "irgraph":
            continue
        theirs = layer(each.module)
        if theirs is None:
            assert each.names == ("__version__",), f"{each.importer} imports {each.names} from irgraph"
        elif theirs > mine and not (each.late and (each.importer, each.module) in LATE_IMPORTS_UPWARD):
            upward.append(f"{each.importer} imports {each.module}")
    assert not upward


def test_no_circle_of_imports() -> None:
    graph: dict[str, set[str]] = {}
    for each in imports("irgraph"):
        if not each.late and each.module.startswith("irgraph."):
            graph.setdefault(each.importer, set()).add(each.module)
    for package in [module for module in graph if module in {m.rpartition(".")[0] for m in graph}]:
        graph.pop(package)  # a package imports its modules, and they one another
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_irgraph_imports_no_executor() -> None:
    assert not [each for each in imports("irgraph") if each.module.startswith("irgraph_")]


@pytest.mark.parametrize("package", [name for name in SOURCES if name != "irgraph"])
def test_executors_import_public_names_only(package: str) -> None:
    for each in imports(package):
        parts = [*each.module.split("."), *each.names]
        if each.module.partition(".")[0] == "irgraph":
            assert not [part for part in parts if part.startswith("_")], each


def test_only_irgraph_onnx_imports_onnx() -> None:
    found = {
        each.importer
        for package in SOURCES
        for each in imports(package)
        if each.module.split(".")[0] == "onnx"
    }
    assert not [module for module in found if not module.startswith("irgraph.onnx")]


HEAVY = (
    "onnx",
    "onnxruntime",
    "networkx",
    "graphviz",
    "matplotlib",
    "cupy",
    "rich",
    "safetensors",
    "typer",
    "scipy",
    "torch",
)


def test_importing_irgraph_loads_nothing_heavy() -> None:
    code = f"import irgraph, sys; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------ documents

SHOWN_BY = {
    "greater": "equal",
    "greater_equal": "equal",
    "less": "equal",
    "less_equal": "equal",
    "logical_not": "equal",
    "not_equal": "equal",
    "ones": "full",
    "zeros": "full",
}
"""Public functions without an example of their own, and which one reads just like them."""


@pytest.mark.parametrize("name", [name for name in ig.__all__ if inspect.isfunction(getattr(ig, name))])
def test_a_public_function_has_an_example(name: str) -> None:
    function = getattr(ig, SHOWN_BY.get(name, name))
    assert getattr(ig, name).__doc__
    assert ">>>" in (function.__doc__ or "")


def test_public_names_have_docstrings() -> None:
    missing = []
    for package in SOURCES:
        for module, path in modules(package):
            tree = ast.parse(path.read_text())
            if tree.body and not ast.get_docstring(tree):
                missing.append(module)
            for node in tree.body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and lacks_docstring(node):
                    missing.append(f"{module}.{node.name}")
    assert not missing


def lacks_docstring(node: ast.ClassDef | ast.FunctionDef) -> bool:
    return not node.name.startswith("_") and not ast.get_docstring(node)


@pytest.mark.parametrize("folder", ["irgraph", "executors", "tests"])
def test_no_file_is_long(folder: str) -> None:
    lengths = {str(path): len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert not {path: length for path, length in lengths.items() if length > 400}


@pytest.mark.parametrize("folder", ["irgraph", "executors"])
def test_no_function_is_long(folder: str) -> None:
    """Fifty lines with its docstring, of which forty may be code."""
    long = []
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
                if node.end_lineno - first.lineno + 1 > 40:
                    long.append(f"{path}:{node.lineno} {node.name}")
    assert not long


def test_what_only_training_needs_is_imported_when_it_is_named() -> None:
    program = """
import sys
import irgraph
late = [name for name in ("losses", "metrics", "nn", "optim", "train") if f"irgraph.{name}" in sys.modules]
assert not late, late
assert irgraph.Trainer is irgraph.train.Trainer
from irgraph import nn
assert irgraph.nn is nn
assert set(irgraph.__all__) <= set(dir(irgraph))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
