"""Chains of sparse matrices: against products of 0 and 1, and brute force over all bracketings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irgraph.autodiff.chain_order import Multiply, plan_chain
from irgraph.autodiff.chain_sparse import Counts, Pattern, SparsePlan, plan_sparse


def of_array(array: np.ndarray) -> Pattern:
    return Pattern.of(array.shape, [(int(i), int(j)) for i, j in np.argwhere(array)])


def brute_force(arrays: Sequence[np.ndarray]) -> int:
    """The least number of products of two entries over all bracketings, nothing remembered."""
    if len(arrays) == 1:
        return 0
    costs = []
    for split in range(1, len(arrays)):
        right, left = product(arrays[:split]), product(arrays[split:])
        work = sum(int(left[:, k].sum()) * int(right[k].sum()) for k in range(len(right)))
        costs.append(brute_force(arrays[:split]) + brute_force(arrays[split:]) + work)
    return min(costs)


def product(arrays: Sequence[np.ndarray]) -> np.ndarray:
    made = arrays[0]
    for array in arrays[1:]:
        made = (array @ made > 0).astype(int)
    return made


def price(arrays: Sequence[np.ndarray], plan: SparsePlan) -> int:
    total = 0
    for step in plan.steps:
        if isinstance(step, Multiply):
            left, right = (
                product(arrays[step.split + 1 : step.last + 1]),
                product(arrays[step.first : step.split + 1]),
            )
            total += int(left.sum(axis=0) @ right.sum(axis=1))
    assert sum(isinstance(step, Multiply) for step in plan.steps) == len(arrays) - 1
    return total


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=9), st.floats(0.05, 1.0), st.integers(0, 1000))
def test_patterns_are_planned_exactly(sizes: list[int], density: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [(rng.random((m, n)) < density).astype(int) for n, m in pairwise(sizes)]
    plan = plan_sparse([of_array(array) for array in arrays])
    assert plan.exact
    assert plan.cost == brute_force(arrays) == price(arrays, plan)


def test_a_dense_chain_costs_what_plan_chain_says() -> None:
    sizes = [30, 35, 15, 5, 10, 20, 25]
    arrays = [np.ones((m, n), int) for n, m in pairwise(sizes)]
    ready = range(len(arrays))
    costly = [(*array.shape, 10**6) for array in arrays]  # so that no sweep pays
    patterns = [of_array(array) for array in arrays]
    assert plan_sparse(patterns).cost == plan_chain(costly, ready=ready).cost == 15_125  # Cormen et al., 15.2
    estimate = plan_sparse([each.counts() for each in patterns])
    assert (estimate.cost, estimate.exact) == (15_125, False)


def test_counts_estimate_what_random_matrices_cost() -> None:
    rng = np.random.default_rng(0)
    arrays = [
        (rng.random((m, n)) < 0.04).astype(int) for n, m in ((80, 120), (120, 60), (60, 200), (200, 40))
    ]
    patterns = [of_array(array) for array in arrays]
    exact, estimate = plan_sparse(patterns), plan_sparse([each.counts() for each in patterns])
    assert estimate.cost == pytest.approx(exact.cost, rel=0.15)
    assert exact.cost <= price(arrays, estimate) <= 1.1 * exact.cost


def test_the_cost_of_two_factors_is_true_from_counts_alone() -> None:
    rng = np.random.default_rng(1)
    first, second = ((rng.random((m, n)) < 0.3) for m, n in ((7, 9), (5, 7)))
    counts = [
        Counts(each.sum(axis=1).astype(float), each.sum(axis=0).astype(float)) for each in (first, second)
    ]
    assert plan_sparse(counts).cost == int(second.sum(axis=0) @ first.sum(axis=1))


def test_sparsity_changes_the_order() -> None:
    """An arrow matrix between two dense ones: dense bracketing would take either side alike."""
    n = 8
    arrow = np.eye(n, dtype=int)
    arrow[0] = 1
    chain = [np.ones((n, n), int), arrow, np.ones((2, n), int)]
    plan = plan_sparse([of_array(array) for array in chain])
    assert plan.cost == brute_force(chain) == 2 * (2 * n - 1) + 2 * n * n


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([], "without factors"),
        ([Pattern(2, (1,)), Pattern(2, (1,))], "found 2 columns of factor 1 after 1 rows of factor 0"),
        ([Pattern(1, (1,)), Pattern(1, (1,)).counts()], "patterns beside counts"),
    ],
)
def test_bad_chains(factors: list[Pattern], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_sparse(factors)


def test_an_entry_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"found the entry \(0, 3\); needed one within the shape \(2, 3\)"):
        Pattern.of((2, 3), [(0, 3)])
