"""Orders of contraction against every other order, and against published numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import prod

import numpy as np
import pytest

import irgraph as ig
from irgraph.contraction_order import (
    Labels,
    Order,
    Tree,
    contraction_cost,
    contraction_order,
    matrix_chain_order,
)


def all_orders(count: int) -> Iterator[Order]:
    """Every sequence of pairs."""
    if count == 1:
        yield []
    for pair in combinations(range(count), 2):
        for rest in all_orders(count - 1):
            yield [pair, *rest]


def random_network(rng: np.random.Generator, count: int) -> tuple[list[Labels], Labels, dict[str, int]]:
    letters = "abcdefg"
    sizes = {letter: int(rng.integers(1, 9)) for letter in letters}
    operands = [
        frozenset(rng.choice(list(letters), rng.integers(0, 4), replace=False).tolist()) for _ in range(count)
    ]
    used = sorted(frozenset().union(*operands))
    target = frozenset(rng.choice(used, rng.integers(0, min(3, len(used)) + 1), replace=False).tolist())
    return operands, target, sizes


@pytest.mark.parametrize("seed", range(25))
def test_no_order_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    operands, target, sizes = random_network(rng, int(rng.integers(2, 6)))
    found = contraction_cost(operands, target, sizes, contraction_order(operands, target, sizes))
    assert found == min(contraction_cost(operands, target, sizes, o) for o in all_orders(len(operands)))


@pytest.mark.parametrize("seed", range(5))
def test_a_greedy_order_uses_every_operand_once(seed: int) -> None:
    operands, target, sizes = random_network(np.random.default_rng(seed), 20)
    order = contraction_order(operands, target, sizes)
    assert len(order) == 19
    for left, (i, j) in zip(range(20, 1, -1), order, strict=True):
        assert 0 <= i < j < left


def brackets(first: int, last: int) -> Iterator[Tree]:
    """Every bracketing."""
    if first == last:
        yield first
    for split in range(first, last):
        for left in brackets(first, split):
            for right in brackets(split + 1, last):
                yield left, right


def cost_of(tree: Tree, sizes: list[int]) -> tuple[int, int, int]:
    """The multiplications, rows and columns of a bracketing."""
    if isinstance(tree, int):
        return 0, sizes[tree], sizes[tree + 1]
    (left, rows, inner), (right, _, columns) = cost_of(tree[0], sizes), cost_of(tree[1], sizes)
    return left + right + rows * inner * columns, rows, columns


@pytest.mark.parametrize("count", range(1, 9))
def test_no_bracketing_of_a_chain_is_cheaper(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(4):
        sizes = rng.integers(1, 30, count + 1).tolist()
        cost, tree = matrix_chain_order(sizes)
        assert cost == cost_of(tree, sizes)[0]
        assert cost == min(cost_of(other, sizes)[0] for other in brackets(0, count - 1))


def test_a_chain_costs_what_a_network_of_it_does() -> None:
    sizes = [30, 35, 15, 5, 10, 20, 25]  # Cormen et al., figure 14.5: 15125
    letters = "abcdefg"
    operands = [frozenset(pair) for pair in pairwise(letters)]
    of = dict(zip(letters, sizes, strict=True))
    order = contraction_order(operands, frozenset("ag"), of)
    assert contraction_cost(operands, frozenset("ag"), of, order) == matrix_chain_order(sizes)[0] == 15125


def test_an_einsum_costs_what_its_order_says() -> None:
    """Twice the multiplications, as every product is a matrix product."""
    sizes = {"i": 40, "j": 30, "k": 2, "l": 50}
    xs = [ig.input(name, tuple(sizes[c] for c in name)) for name in ("ij", "jk", "kl")]
    operands = [frozenset(x.label) for x in xs]
    order = contraction_order(operands, frozenset("il"), sizes)
    cost = contraction_cost(operands, frozenset("il"), sizes, order)
    assert cost == prod((40, 30, 2)) + prod((40, 2, 50))
    y = ig.einsum("ij,jk,kl->il", *xs)
    graph = ig.Graph({"y": y.node.op.expand(*xs)[0]})  # type: ignore[index]
    assert graph.cost().flops == pytest.approx(2 * cost, rel=0.6)
