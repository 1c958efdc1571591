"""Random einsums against NumPy's, their gradients against another einsum, and what they become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.dims import bind

SIZES = {"a": 2, "b": 3, "c": 1, "d": 4, "e": 2}
COUNT = 40  # einsums that one function computes


def random_equation(rng: np.random.Generator, repeats: bool) -> str:
    """Letters for one to four operands, and any of them on the right in any order."""
    terms = [
        "".join(rng.choice(list(SIZES), rng.integers(0, 4), replace=repeats))
        for _ in range(rng.integers(1, 5))
    ]
    used = sorted(set("".join(terms)))
    after: Any = rng.permutation(used)[: rng.integers(0, len(used) + 1)] if used else []
    return f"{','.join(terms)}->{''.join(after)}"


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_einsums_are_numpys(seed: int, named: bool) -> None:
    rng = np.random.default_rng(seed)
    results, wanted, feeds = {}, {}, {}
    for n in range(COUNT):
        equation = random_equation(rng, repeats=True)
        values, arrays = [], []
        for k, term in enumerate(equation.partition("->")[0].split(",")):
            shape = tuple(SIZES[c] for c in term)
            written = tuple(c if named and c in "bd" else SIZES[c] for c in term)
            values.append(ig.input(f"x{n}_{k}", written, "float64"))
            arrays.append(rng.standard_normal(shape))
            feeds[f"x{n}_{k}"] = arrays[-1]
        results[f"{n}: {equation}"] = ig.einsum(equation, *values)
        wanted[f"{n}: {equation}"] = np.einsum(equation, *arrays)
    found = ig.compile(results, inputs=[v for y in results.values() for v in y.node.inputs])(**feeds)
    for name, expected in wanted.items():
        assert found[name].shape == expected.shape, name
        assert np.allclose(found[name], expected, rtol=1e-12, atol=1e-12), name
        assert tuple(bind(size, SIZES) for size in results[name].shape) == expected.shape


def test_a_gradient_is_the_einsum_with_the_cotangent_in_place() -> None:
    rng = np.random.default_rng(2)
    pairs, feeds = [], {}
    for n in range(COUNT):
        equation = random_equation(rng, repeats=False)
        terms, _, after = equation.partition("->")
        first, *others = terms.split(",")
        if set(first) - set("".join(others)) - set(after):
            continue  # letters that are summed in one operand only repeat: NumPy has no letters for that
        arrays = [rng.standard_normal(tuple(SIZES[c] for c in term)) for term in (after, first, *others)]
        values = [ig.input(f"v{n}_{k}", a.shape, "float64") for k, a in enumerate(arrays)]
        feeds.update({value.label: array for value, array in zip(values, arrays, strict=True)})
        c, x, *rest = values
        found = ig.vjp(ig.einsum(equation, x, *rest), x, c)
        pairs.append((found, np.einsum(f"{','.join([after, *others])}->{first}", arrays[0], *arrays[2:])))
    assert len(pairs) > 10
    function = ig.compile([found for found, _ in pairs])
    results = function(**{name: feeds[name] for name in function.graph.inputs})
    for result, (_, expected) in zip(results, pairs, strict=True):
        assert np.allclose(result, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("equation", "shapes", "ops"),
    [
        ("ij,jk->ik", [("n", 3), (3, 4)], ["matmul"]),
        ("bhqd,bhkd->bhqk", [("b", 8, 16, 32), ("b", 8, 16, 32)], ["transpose", "matmul"]),
        ("ab,bc,cd->ad", [("n", 30), (30, 40), (40, 5)], ["matmul", "matmul"]),
        ("ii->i", [(5, 5)], ["take_diagonal"]),
    ],
)
def test_it_becomes_the_ops_that_one_would_write(
    equation: str, shapes: list[tuple[int | str, ...]], ops: list[str]
) -> None:
    y = ig.einsum(equation, *[ig.input(f"x{n}", shape) for n, shape in enumerate(shapes)])
    nodes = ig.compile(y).program.graph.nodes
    assert [node.op.name for node in nodes if not node.op.source] == ops


def test_intermediate_products_are_shared_with_the_gradient() -> None:
    xs = [ig.input(name, (8, 8)) for name in "abc"]
    y = ig.einsum("ij,jk,kl->il", *xs)
    step = ig.compile([y, *ig.grad(y.sum(), xs)])
    assert sum(node.op.name == "matmul" for node in step.program.graph.nodes) <= 6
