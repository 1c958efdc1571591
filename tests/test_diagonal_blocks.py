"""Diagonals of blocks: sums of terms that are tied are written out without matrices of zeros and ones."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.jacobians.sums import written_out
from irgraph.local_jacobian import Coefficient, Dense, Factor, Label, Labels, Slice, Term
from irgraph.ops.contract import contract
from irgraph.ops.diagonal_blocks import add_diagonal
from irgraph.types import float64

MATRICES_OF_ONES = {"iota", "equal", "where"}


def op_names(function: ig.Function, elements: int) -> set[str]:
    """The ops with a result of at least so many elements."""
    nodes = function.program.graph.nodes
    return {node.op.name for node in nodes if any(int(v.type.size) >= elements for v in node.outputs)}  # type: ignore[arg-type]


def peak(function: ig.Function) -> float:
    """The memory of a step, in sizes of its one result."""
    plan = function.plan()
    return plan.nbytes / int(function.graph.outputs[0].type.nbytes)  # type: ignore[arg-type]  # numbers


# ---------------------------------------------------------------------------------- whole graphs


def pair_energy(x: ig.Value, n: int) -> ig.Value:
    """The sum of exp(-r) / r over all pairs of rows, r being their distance."""
    apart = ig.expand_dims(x, 1) - ig.expand_dims(x, 0)
    above = ig.constant(np.triu(np.ones((n, n), bool), 1))
    r = ig.sqrt(ig.where(above, (apart * apart).sum(-1), 1.0))
    return ig.where(above, ig.exp(-r) / r, 0.0).sum()


def pair_hessian(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """By pairs: f'' on the line between two rows, f'/r across it, with both signs."""
    n, d = x.shape
    H = np.zeros((n, d, n, d))
    for i, j in itertools.combinations(range(n), 2):
        r = np.linalg.norm(x[i] - x[j])
        u = (x[i] - x[j]) / r
        first = -np.exp(-r) * (1 / r + 1 / r**2)
        second = np.exp(-r) * (1 / r + 2 / r**2 + 2 / r**3)
        block = second * np.outer(u, u) + first / r * (np.eye(d) - np.outer(u, u))
        for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            H[a, :, b, :] += sign * block
    return H


def test_the_hessian_of_a_pair_potential_adds_its_blocks() -> None:
    n = 40
    x = ig.input("x", (n, 3), "float64")
    function = ig.compile(ig.jacobian(ig.grad(pair_energy(x, n), x), x, format="dense"))
    whole = op_names(function, n * 3 * n * 3)
    assert "add_diagonal" in whole
    assert not whole & MATRICES_OF_ONES
    assert peak(function) < 3.3  # it was 4.2, with three matrices of zeros and ones
    array = np.random.default_rng(0).normal(size=(n, 3)) * 3
    np.testing.assert_allclose(function(x=array), pair_hessian(array), rtol=1e-9, atol=1e-10)


def test_the_hessian_of_a_pair_potential_within_a_limit() -> None:
    n = 130
    x = ig.input("x", (n, 3), "float64")
    limit = int(2.4 * (n * 3) ** 2 * 8)
    function = ig.compile(ig.jacobian(ig.grad(pair_energy(x, n), x), x, format="dense", memory=limit))
    array = np.random.default_rng(0).normal(size=(n, 3)) * 3
    np.testing.assert_allclose(function(x=array), pair_hessian(array), rtol=1e-9, atol=1e-10)
    report = function.memory()
    assert report.results  # counted as well, though it lies beside the arena
    assert report.peak <= limit


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_residual_adds_its_diagonal_in_place(mode: str) -> None:
    n = 100
    x, w = ig.input("x", (n,), "float64"), ig.input("w", (n, n), "float64")
    y = ig.tanh(x) + w @ ig.tanh(x)
    function = ig.compile(ig.jacobian(y, x, mode, format="dense"))  # type: ignore[arg-type]  # a mode
    assert op_names(function, n * n) & (MATRICES_OF_ONES | {"place_diagonal", "add_diagonal"}) == {
        "add_diagonal"
    }
    assert peak(function) < 2.1  # w, and the result over which the diagonal is added
    arrays = {"x": np.linspace(-1, 1, n), "w": np.random.default_rng(0).normal(size=(n, n))}
    slope = 1 - np.tanh(arrays["x"]) ** 2
    np.testing.assert_allclose(
        function(**arrays), np.diag(slope) + arrays["w"] * slope, rtol=1e-12, atol=1e-12
    )


def test_a_diagonal_alone_is_placed() -> None:
    n = 50
    x = ig.input("x", ("n",), "float64")
    function = ig.compile(ig.jacobian(ig.sin(x) * 2, x, format="dense"))
    found = [node.op.name for node in function.program.graph.nodes if node.outputs[0].ndim == 2]
    assert found == ["place_diagonal"]
    array = np.linspace(0, 3, n)
    np.testing.assert_allclose(function(x=array), np.diag(2 * np.cos(array)), atol=1e-15)


def test_derivatives_of_placing_and_taking_are_views_and_placings() -> None:
    x, v = ig.input("x", (30, 30), "float64"), ig.input("v", (30,), "float64")
    y = add_diagonal(ig.sin(x), ig.cos(v), 1, 0)
    towards_v = ig.compile(ig.grad((y * y).sum(), v))
    assert {"take_diagonal"} <= op_names(towards_v, 30)
    assert not op_names(towards_v, 1) & {"equal", "matmul"}
    forward = ig.compile(ig.jvp(y, [v], [v]))
    assert not op_names(forward, 1) & {"equal", "matmul"}


# ----------------------------------------------------------------------------------- random terms


def dense_of(term: Term) -> np.ndarray[Any, Any]:
    """Every element of a term by definition: the sum over all positions of all its labels."""
    inside = dict.fromkeys(label for factor in term.factors for label in factor.labels)
    every = list(dict.fromkeys([*term.out, *term.in_, *inside]))
    found = np.zeros([int(label.size) for label in (*term.out, *term.in_)])
    for position in np.ndindex(*[int(label.size) for label in every]):
        at = dict(zip(every, position, strict=True))
        weight = term.coefficient.number
        for factor in term.factors:
            if isinstance(factor, Slice):
                weight *= at[factor.whole] == int(factor.start) + factor.step * at[factor.part]  # type: ignore[arg-type]
            else:
                assert isinstance(factor, Dense)
                weight *= ig.evaluate(factor.value)[tuple(at[label] for label in factor.labels)]
        found[tuple(at[label] for label in (*term.out, *term.in_))] += weight
    return found


def random_term(rng: np.random.Generator, shape: tuple[int, ...], rank: int) -> Term:
    """Ties, slices between labels outside and inside, and dense factors over some labels."""
    outside = [Label(size) for size in shape]
    out, in_ = outside[:rank], outside[rank:]
    for q, label in enumerate(in_):
        p = int(rng.integers(0, len(out)))
        if rng.random() < 0.4 and out[p].size == label.size and out[p] not in in_:
            in_[q] = out[p]
    labels = list(dict.fromkeys([*out, *in_]))
    factors: list[Factor] = []
    for part, whole in itertools.permutations(labels, 2):
        gap = int(whole.size) - int(part.size)  # type: ignore[arg-type]  # numbers
        if gap >= 0 and rng.random() < 0.25:
            factors.append(Slice(part, whole, int(rng.integers(0, gap + 1))))
    inner = Label(3)
    for _ in range(int(rng.integers(0, 3))):
        some = [label for label in (*labels, inner) if rng.random() < 0.5]
        values = ig.constant(rng.normal(size=[int(each.size) for each in some]), "float64")  # type: ignore[arg-type]
        factors.append(Dense(values, Labels(some)))
    return Term(Labels(out), Labels(in_), tuple(factors), Coefficient(float(rng.choice([-2.0, -1.0, 1.0]))))


@pytest.mark.parametrize("seed", range(60))
def test_sums_of_tied_terms_are_the_sums_by_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(map(int, rng.choice([1, 2, 3, 3], size=rng.integers(2, 5))))
    rank = int(rng.integers(1, len(shape)))
    terms = [random_term(rng, shape, rank) for _ in range(rng.integers(1, 5))]
    found, held = written_out(terms, float64, kept=())
    assert not held
    assert found.shape == shape
    wanted = sum(map(dense_of, terms))
    np.testing.assert_allclose(ig.evaluate(found), wanted, atol=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_contractions_with_ties_in_the_target_are_by_definition(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    shape = tuple(map(int, rng.choice([1, 2, 3, 3], size=rng.integers(2, 5))))
    term = random_term(rng, shape, len(shape))
    found = ig.evaluate(contract(term.factors, term.out, float64))
    np.testing.assert_allclose(term.coefficient.number * found, dense_of(term), atol=1e-12)
