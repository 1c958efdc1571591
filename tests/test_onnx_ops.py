"""Every op exported and run by ONNX Runtime, against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest

from irgraph import compile, grad
from irgraph.errors import ExportError
from irgraph.graph import Graph
from irgraph.onnx import replay, to_model
from irgraph.onnx.comparing import TOLERANCES, difference
from irgraph.onnx.saving import check_model
from irgraph.onnx.schema import OPSETS
from irgraph.state import State
from irgraph.testing import CASES, Case, assert_close


def has_form(graph: Graph) -> bool:
    """Whether every op of a graph says that it can be exported."""
    return not any(node.op.no_onnx for node in graph.nodes)


REAL = [case for case in CASES if case.oracle is not None and not case.is_complex]
EXPORTED = [case for case in REAL if has_form(case.build_graph())]


FLOAT32_ONLY = {
    "conv",
    "conv_input_gradient",
    "conv_filter_gradient",
    "average_pool",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "erf",
    "gelu",
    "arctan2",
    "det",
}
"""Ops whose standard form ONNX Runtime has for float32 only, on the CPU, or that expand to such."""


def is_float32_only(case: Case) -> bool:
    if case.op == "conv_filter_gradient":  # a product, where it is not a Conv
        return "groups" in case.name or "many taps" in case.name
    return case.op in FLOAT32_ONLY and str(case) != "gelu-tanh"


def sizes_to_try(case: Case, graph: Graph) -> list[dict[str, int]]:
    """Two sizes for the names in the case's shapes, as far as the graph's guards allow."""
    larger = {name: 6 + position for position, name in enumerate(sorted(case.names))}
    guards = [guard for node in graph.nodes for guard in node.guards]
    sizes = [{name: case.sizes[name] for name in case.names}, larger]
    return [each for each in sizes if all(guard.holds(each) for guard in guards)]


def replayed(case: Case, dtype: str, named: bool) -> None:
    """Export the case and compare at each size."""
    graph = case.build_graph(dtype, named)
    state = State()
    state.admit(graph.states, seed=0)
    model = to_model(graph, state)
    check_model(model)
    if dtype == "float64" and is_float32_only(case):
        with pytest.raises(ExportError, match="Could not find an implementation"):
            replay(model)
        return
    run = replay(model)
    tried = sizes_to_try(case, graph) if named else [dict(case.sizes)]
    assert tried
    for sizes in tried:
        feeds = case.sample(np.random.default_rng(0), dtype, sizes)
        found = run(**{name: feeds[name] for name in graph.inputs})
        for value, result, expected in zip(graph.outputs, found.values(), case.expected(feeds), strict=True):
            assert result.dtype == value.dtype.numpy
            assert difference(result.astype(expected.dtype), expected) <= TOLERANCES.get(str(value.dtype), 0)


@pytest.mark.parametrize("case", [case for case in EXPORTED if case.low_dtypes], ids=str)
def test_low_precision(case: Case) -> None:
    """float16 runs, within a few units in the last place; bfloat16 is exported and checked, but not run:
    ONNX Runtime has hardly a kernel for it on the CPU, and takes no such arrays from Python."""
    for dtype in case.low_dtypes:
        graph = case.build_graph(dtype, named=bool(case.names))
        state = State()
        state.admit(graph.states, seed=0)
        model = to_model(graph, state)
        check_model(model)
        if dtype == "bfloat16":
            with pytest.raises(ExportError, match=r"bfloat16 at|Could not find an implementation"):
                replay(model)
            continue
        feeds = case.sample(np.random.default_rng(0), dtype)
        run = replay(model)
        found = run(**{name: feeds[name] for name in graph.inputs})
        with np.errstate(all="ignore"):
            expected = case.expected(feeds)
        for value, result, wanted in zip(graph.outputs, found.values(), expected, strict=True):
            assert result.dtype == value.dtype.numpy
            assert_close(result, wanted, TOLERANCES.get(str(value.dtype), 0))


PAIRS = [(case, dtype) for case in EXPORTED for dtype in case.dtypes]


@pytest.mark.parametrize(("case", "dtype"), PAIRS, ids=str)
def test_with_integers_for_all_sizes(case: Case, dtype: str) -> None:
    replayed(case, dtype, named=False)


@pytest.mark.parametrize(("case", "dtype"), [pair for pair in PAIRS if pair[0].names], ids=str)
def test_with_named_dims_at_two_sizes(case: Case, dtype: str) -> None:
    replayed(case, dtype, named=True)


@pytest.mark.parametrize("case", EXPORTED, ids=str)
def test_the_chosen_opset_is_the_lowest(case: Case) -> None:
    """It and those above it pass the checker, which knows when each form came; those below are refused."""
    graph = case.build_graph(case.dtypes[0], bool(case.names))
    state = State()
    state.admit(graph.states, seed=0)
    chosen = to_model(graph, state).opset_import[0].version
    for opset in OPSETS:
        if opset < chosen:
            with pytest.raises(ExportError, match=f"which was asked for[^$]*opset={chosen}"):
                to_model(graph, state, opset)
        else:
            check_model(to_model(graph, state, opset))


ACTIVATIONS = {
    "elu": "Elu",
    "selu": "Selu",
    "celu": "Celu",
    "leaky_relu": "LeakyRelu",
    "prelu": "PRelu",
    "hard_sigmoid": "HardSigmoid",
    "hard_swish": "HardSwish",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "mish": "Mish",
    "gelu": "Gelu",
    "erf": "Erf",
    "clip": "Clip",
    "isnan": "IsNaN",
}


@pytest.mark.parametrize("op", ACTIVATIONS)
def test_what_onnx_has_as_one_op_stays_one(op: str) -> None:
    case = next(case for case in CASES if case.op == op)
    model = to_model(case.build_graph("float32"), opset=20)
    found = [node.op_type for node in model.graph.node if node.op_type != "Identity"]
    assert found == [ACTIVATIONS[op]]


SMOOTH = [c for c in EXPORTED if c.differentiable and any(y.dtype.is_float for y in c.build_graph().outputs)]


@pytest.mark.parametrize("case", SMOOTH, ids=str)
def test_gradient_with_named_dims(case: Case) -> None:
    """The gradient of a weighted sum of the results; here the oracle is the NumPy executor."""
    dtype = "float32" if is_float32_only(case) or case.op in FLOAT32_ONLY else case.dtypes[-1]
    values = case.values(dtype, named=True)
    results = [value for value in case.results(values) if value.dtype.is_float]
    weighted = [(value * value * (n + 1.0)).sum() for n, value in enumerate(results)]
    loss = sum(weighted[1:], weighted[0])
    wanted = {f"d_{name}": grad(loss, values[name], "zero") for name in case.differentiable}
    function = compile(wanted)
    if not has_form(function.graph):
        with pytest.raises(ExportError, match="without ONNX form"):
            to_model(function)
        return
    model = to_model(function)
    check_model(model)
    run = replay(model)
    for sizes in sizes_to_try(case, function.graph):
        feeds = case.sample(np.random.default_rng(0), dtype, sizes)
        feeds = {name: feeds[name] for name in function.graph.inputs}
        found, expected = run(**feeds), function(**feeds)
        for name in wanted:
            assert difference(found[name], expected[name]) <= TOLERANCES[dtype], name
