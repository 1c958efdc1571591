"""Every law, for every case of every op in `irgraph.testing.CASES`."""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.autodiff.emit import apply, total
from irgraph.dims import estimate
from irgraph.local_jacobian import NotDifferentiable
from irgraph.op import OPS
from irgraph.printing import parse, to_text
from irgraph.testing import (
    BAD_CASES,
    CASES,
    BadCase,
    Case,
    assert_close,
    check_jvp,
    check_second_order,
    check_vjp,
)

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
DIFFERENTIABLE = [case for case in CASES if case.differentiable and "float64" in case.dtypes]
NAMED = [case for case in CASES if case.names]


def rng_of(case: Case) -> np.random.Generator:
    """The same numbers for a case whatever else runs."""
    return np.random.default_rng(zlib.crc32(str(case).encode()))


def feeds_of(case: Case, graph: ig.Graph, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: array for name, array in arrays.items() if name in graph.inputs}


def run(case: Case, values: list[ig.Value], arrays: Mapping[str, Any]) -> list[Any]:
    function = ig.compile(values, verify=True)
    results: list[Any] = function(**feeds_of(case, function.graph, arrays))
    return results


def each(cases: Iterable[Case | BadCase]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=str)


@each(CASES)
def test_value_is_the_oracle_and_of_the_inferred_type(case: Case) -> None:
    for dtype in case.dtypes:
        graph = case.build_graph(dtype)
        arrays = case.sample(rng_of(case), dtype)
        results = run(case, list(graph.outputs), arrays)
        for value, found, wanted in zip(graph.outputs, results, case.expected(arrays), strict=True):
            assert_close(found, wanted, TOLERANCE[dtype], value)


@each(DIFFERENTIABLE)
def test_jvp_is_the_difference_quotient(case: Case) -> None:
    arrays = case.sample(rng_of(case), "float64")
    check_jvp(case.build, list(arrays.values()), positions(case))


@each(DIFFERENTIABLE)
def test_vjp_is_the_transpose(case: Case) -> None:
    arrays = case.sample(rng_of(case), "float64")
    check_vjp(case.build, list(arrays.values()), positions(case))


@each(DIFFERENTIABLE)
def test_second_derivatives(case: Case) -> None:
    arrays = case.sample(rng_of(case), "float64")
    check_second_order(case.build, list(arrays.values()), positions(case))


def positions(case: Case) -> list[int]:
    return [n for n, name in enumerate(case.inputs) if name in case.differentiable]


def states_twice(op: type[ig.Op]) -> bool:
    return op.states_vjp() and (op.states_terms() or op.expand is not ig.Op.expand)


@each([case for case in DIFFERENTIABLE if states_twice(OPS[case.op])])
def test_vjp_of_the_node_is_that_of_its_terms_or_expansion(case: Case) -> None:
    graph = case.build_graph("float64")
    node = case.node(graph)
    cotangents = [ig.input(f"c{n}", y.shape, y.dtype) for n, y in enumerate(node.outputs)]
    stated = node.op.vjp(node.inputs, node.outputs, cotangents)
    pairs = []
    for found, derived in zip(stated, derived_vjp(node, cotangents), strict=True):
        assert (derived is not None) == (found is not None)
        if found is not None and derived is not None:
            pairs += [found, derived]
    rng = rng_of(case)
    arrays = case.sample(rng, "float64")
    drawn = [rng.standard_normal(tuple(map(int, c.shape))) for c in cotangents]  # type: ignore[arg-type]
    feeds = {c.label: array.astype(c.dtype.numpy) for c, array in zip(cotangents, drawn, strict=True)}
    results = run(case, pairs, {**arrays, **feeds})
    for found_array, derived in zip(results[::2], results[1::2], strict=True):
        assert_close(found_array, derived, 1e-12)


def derived_vjp(node: ig.Node, cotangents: list[ig.Value]) -> list[ig.Value | None]:
    """What the node's terms say, or else its expansion. None: zero."""
    if not node.op.states_terms():
        expanded = node.op.expand(*node.inputs)
        assert expanded is not None
        floats = [x for x in node.inputs if x.dtype.is_float]
        pulled = dict(zip(floats, ig.vjp(expanded, floats, cotangents), strict=True))
        return [pulled.get(x) for x in node.inputs]
    grid = node.op.local_jacobians(node.inputs, node.outputs)
    found: list[ig.Value | None] = []
    for position in range(len(node.inputs)):
        parts = []
        for row, cotangent in zip(grid, cotangents, strict=True):
            terms = row[position]
            assert not isinstance(terms, NotDifferentiable)
            parts += apply(terms.T, cotangent)
        found.append(total(parts) if parts else None)
    return found


@each(CASES)
def test_expansion_has_the_same_types_and_values(case: Case) -> None:
    graph = case.build_graph(case.dtypes[-1])
    node = case.node(graph)
    if node.op.source:
        return
    expanded = node.op.expand(*node.inputs)
    if expanded is None:
        return
    assert [value.type for value in expanded] == [value.type for value in node.outputs]
    arrays = case.sample(rng_of(case), case.dtypes[-1])
    plain = run(case, list(node.outputs), arrays)
    simpler = run(case, list(expanded), arrays)
    for one, other in zip(plain, simpler, strict=True):
        assert_close(one, other, 1e-12)


@each(NAMED)
def test_named_dims_give_what_numbers_give(case: Case) -> None:
    dtype = case.dtypes[-1]
    named = case.build_graph(dtype, named=True)
    function = ig.compile(list(named.outputs), verify=True)
    for sizes in ({"n": 5, "m": 3}, {"n": 2, "m": 2}, {"n": 1, "m": 1}, {"n": 0, "m": 2}):
        arrays = case.sample(rng_of(case), dtype, sizes)
        expected, feeds = answers(case, arrays), feeds_of(case, function.graph, arrays)
        if expected is None or (case.op == "slice" and not fits(function, sizes)):  # which is never clipped
            with pytest.raises(ig.errors.FeedError, match=r"found .*\bn=[01].*; needed .*n.* >= "):
                function(**feeds)
            continue
        results = function(**feeds)
        for value, found, wanted in zip(named.outputs, results, expected, strict=True):
            assert found.shape == value.type.bind(sizes).shape
            assert_close(found, wanted, TOLERANCE[dtype])


def fits(function: ig.Function, sizes: Mapping[str, int]) -> bool:
    """Whether the sizes keep all guards."""
    return all(guard.holds(sizes) for node in function.program.graph.nodes for guard in node.guards)


def answers(case: Case, arrays: Mapping[str, Any]) -> list[Any] | None:
    """What the oracle says; None where it refuses, e.g. the maximum of nothing."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # the mean of nothing
        try:
            return case.expected(arrays)
        except (ValueError, IndexError):
            return None


@each([case for case in DIFFERENTIABLE if case.names])
def test_gradients_on_named_dims_are_those_on_numbers(case: Case) -> None:
    def gradients(named: bool) -> list[ig.Value]:
        values = case.values("float64", named)
        loss = ig.constant(np.zeros(()))
        for y in case.results(values):
            if y.dtype.is_float:
                loss = loss + (y * y).sum()
        wrt = [values[name] for name in case.differentiable]
        return [*ig.grad(loss, wrt, "zero"), *wrt]  # the inputs bind the names, whatever the gradient needs

    arrays = case.sample(rng_of(case), "float64")
    named, numbers = gradients(True), gradients(False)
    results = zip(run(case, named, arrays), run(case, numbers, arrays), numbers, strict=True)
    for by_name, by_number, value in results:
        assert_close(by_name, by_number, 1e-12, value)


@each(CASES)
def test_cost_is_a_size_that_is_not_negative(case: Case) -> None:
    for named in (False, True):
        cost = case.build_graph(named=named).cost()
        assert estimate(cost.flops) >= 0
        assert estimate(cost.nbytes) >= 0


@each(CASES)
def test_text_is_read_back(case: Case) -> None:
    graph = case.build_graph(named=True)
    again = parse(to_text(graph))
    assert again.structure() == graph.structure()
    assert to_text(again) == to_text(graph)


@each(BAD_CASES)
def test_bad_input_raises_with_the_users_line(case: BadCase) -> None:
    with pytest.raises(case.error) as caught:
        case.build()
    message = str(caught.value) + "".join(getattr(caught.value, "__notes__", []))
    assert re.search(case.match, message), message
    assert re.search(r"test_laws\.py:\d+", message), message
    assert "needed" in message
