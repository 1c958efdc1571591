"""Chains of structured matrices: against patterns, brute force, and the plan of dense chains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irgraph.autodiff.chain_forms import Blocks, Factored, Form, dense, diagonal, identity, products
from irgraph.autodiff.chain_order import Accumulate, Multiply, Pull, Push, plan_chain
from irgraph.autodiff.chain_structured import Expand, FormPlan, Link, plan_forms


def pattern(form: Form) -> np.ndarray:
    if isinstance(form, Factored):
        return np.ones(form.shape, int)
    return np.kron(np.eye(form.count, dtype=int), np.ones((form.rows, form.columns), int))


def work(left: np.ndarray, right: np.ndarray) -> int:
    """Multiplications of a product, entries that are zero by structure left out."""
    return int(left.sum(axis=0) @ right.sum(axis=1))


@pytest.mark.parametrize("inner", [6, 12])
def test_products_of_blocks_are_those_of_their_patterns(inner: int) -> None:
    divisors = [n for n in range(1, inner + 1) if inner % n == 0]
    for a in divisors:
        for b in divisors:
            left, right = Blocks(a, 2, inner // a), Blocks(b, inner // b, 3)
            ((form, cost),) = products(left, right)
            assert cost == work(pattern(left), pattern(right))
            entries = pattern(left) @ pattern(right) > 0
            assert not (entries & (pattern(form) == 0)).any()
            if gcd(a, b) == min(a, b):  # else the form has entries that are zero
                assert (entries == pattern(form)).all()
                assert form.storage == entries.sum()


def test_products_of_factored_matrices() -> None:
    u, v = np.ones((7, 2), int), np.ones((2, 5), int)
    left = Factored(7, 5, 2)
    middle = Factored(5, 6, 3)
    ((form, cost),) = products(left, Blocks(5, 1, 2))
    assert (form, cost) == (Factored(7, 10, 2), work(v, pattern(Blocks(5, 1, 2))))
    ((form, cost),) = products(Blocks(1, 4, 7), left)
    assert (form, cost) == (Factored(4, 5, 2), work(np.ones((4, 7), int), u))
    core = work(v, np.ones((5, 3), int))
    assert dict(products(left, middle)) == {
        Factored(7, 6, 2): core + 2 * 3 * 6,
        Factored(7, 6, 3): core + 7 * 2 * 3,
    }
    assert dict(products(identity(7), left)) == {left: 0} == dict(products(left, identity(5)))
    assert identity(7).storage == 0


# ------------------------------------------------------------------------------------ brute force


def brute_force(chain: Sequence[Link], memory: int | None, first: int, last: int) -> dict[Form, int]:
    """The least cost of every form over all bracketings, sweeps and choices, nothing remembered."""
    found: dict[Form, int] = {}

    def offer(form: Form, cost: int) -> None:
        found[form] = min(cost, found.get(form, cost))

    fits = memory is None or sum(link.cost for link in chain[first : last + 1]) <= memory
    if first == last:
        form, cost, ready = chain[first]
        if ready or isinstance(form, Factored) or form.identity:
            offer(form, 0)
        else:
            offer(form, cost * (min(form.rows, form.columns) if fits else form.columns))
    rows, columns = chain[last].form.shape[0], chain[first].form.shape[1]
    for split in range(first, last):
        lefts = brute_force(chain, memory, split + 1, last)
        rights = brute_force(chain, memory, first, split)
        for left, before in lefts.items():
            for right, after in rights.items():
                for form, cost in products(left, right):
                    offer(form, before + after + cost)
        ahead = sum(link.cost for link in chain[split + 1 : last + 1])
        tape = sum(link.cost for link in chain[first : split + 1])
        for right, cost in rights.items():
            offer(*swept(right, chain[split + 1 : last + 1], rows, columns, cost, ahead, columns))
        for left, cost in lefts.items() if memory is None or tape <= memory else ():
            offer(*swept(left, chain[first : split + 1], rows, columns, cost, tape, rows))
    for form, cost in list(found.items()):
        if isinstance(form, Factored):
            offer(dense(*form.shape), cost + form.rows * form.rank * form.columns)
    return found


def swept(
    form: Form, through: Sequence[Link], rows: int, columns: int, cost: int, tape: int, width: int
) -> tuple[Form, int]:
    if isinstance(form, Factored):
        return Factored(rows, columns, form.rank), cost + form.rank * tape
    count = form.count
    for link in through:
        count = gcd(count, link.form.count if isinstance(link.form, Blocks) else 1)
    return Blocks(count, rows // count, columns // count), cost + width // count * tape


def price(chain: Sequence[Link], plan: FormPlan) -> int:
    """What the steps cost, each matrix being made before it is used."""
    made: dict[tuple[int, int], Form] = {}
    total = 0
    for step, form in zip(plan.steps, plan.forms, strict=True):
        match step:
            case Accumulate(n, mode):
                link = chain[n]
                given = link.ready or isinstance(form, Factored) or form.identity
                if not given:
                    total += link.cost * (form.rows if mode == "reverse" else form.columns)
                made[n, n] = form
            case Expand(first, last):
                before = made[first, last]
                assert isinstance(before, Factored)
                total += before.rows * before.rank * before.columns
                made[first, last] = form
            case Multiply(first, split, last):
                options = dict(products(made.pop((split + 1, last)), made.pop((first, split))))
                total += options[form]
                made[first, last] = form
            case Push(first, split, last):
                made.pop((first, split))
                width = form.rank if isinstance(form, Factored) else form.columns
                total += width * sum(link.cost for link in chain[split + 1 : last + 1])
                made[first, last] = form
            case Pull(first, split, last):
                made.pop((split + 1, last))
                width = form.rank if isinstance(form, Factored) else form.rows
                total += width * sum(link.cost for link in chain[first : split + 1])
                made[first, last] = form
    assert list(made) == [(0, len(chain) - 1)]
    return total


@st.composite
def links(draw: st.DrawFn) -> list[Link]:
    sizes = [draw(st.sampled_from((2, 4, 6, 12)))]
    chain = []
    for _ in range(draw(st.integers(1, 7))):
        n = sizes[-1]
        kind = draw(st.sampled_from(("dense", "dense", "diagonal", "identity", "blocks", "factored")))
        if kind in ("diagonal", "identity"):
            form: Form = diagonal(n) if kind == "diagonal" else identity(n)
        elif kind == "blocks":
            count = draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0]))
            form = Blocks(count, draw(st.integers(1, max(1, 12 // count))), n // count)
        else:
            rows = draw(st.sampled_from((1, 2, 4, 6, 12)))
            form = dense(rows, n) if kind == "dense" else Factored(rows, n, draw(st.integers(1, 3)))
        chain.append(Link(form, draw(st.integers(0, 60)), draw(st.booleans())))
        sizes.append(form.shape[0])
    return chain


@settings(max_examples=120, deadline=None, derandomize=True)
@given(links(), st.none() | st.integers(0, 150))
def test_cost_is_that_of_brute_force_and_of_its_steps(chain: list[Link], memory: int | None) -> None:
    plan = plan_forms(chain, memory)
    costs = brute_force(chain, memory, 0, len(chain) - 1)
    assert plan.cost == min(costs.values()) == price(chain, plan)
    plan = plan_forms(chain, memory, expanded=True)
    assert isinstance(plan.forms[-1], Blocks)
    blocks = min(cost for form, cost in costs.items() if isinstance(form, Blocks))
    assert plan.cost == blocks == price(chain, plan)


def test_eight_factors() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        forms: list[Form] = []
        for _ in range(8):
            n = forms[-1].shape[0] if forms else 12
            options = (
                dense(int(rng.integers(1, 13)), n),
                diagonal(n),
                Factored(12, n, int(rng.integers(1, 4))),
            )
            forms.append(options[rng.integers(3)])
        chain = [Link(form, int(rng.integers(1, 50))) for form in forms]
        plan = plan_forms(chain)
        assert plan.cost == min(brute_force(chain, None, 0, 7).values()) == price(chain, plan)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=12), st.none() | st.integers(0, 200), st.integers(0, 99)
)
def test_dense_factors_are_planned_as_by_plan_chain(sizes: list[int], memory: int | None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    factors = [(m, n, int(rng.integers(0, 50))) for n, m in pairwise(sizes)]
    ready = {place for place in range(len(factors)) if rng.random() < 0.3}
    chain = [Link(dense(m, n), cost, place in ready) for place, (m, n, cost) in enumerate(factors)]
    assert plan_forms(chain, memory).cost == plan_chain(factors, memory, ready).cost


def test_a_matrix_of_low_rank_is_multiplied_out_where_it_is_used_as_a_whole() -> None:
    """U V of rank 3 and 2 × 2, between a tall and a wide matrix, whose product must not stay factored."""
    chain = [
        Link(dense(2, 40), 1000, ready=True),
        Link(Factored(2, 2, 3), 1000),
        Link(dense(40, 2), 1000, ready=True),
    ]
    assert Expand(1, 1) not in plan_forms(chain).steps
    plan = plan_forms(chain, expanded=True)
    assert Expand(1, 1) in plan.steps
    assert plan.cost == 2 * 3 * 2 + 2 * 2 * 40 + 40 * 2 * 40


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([], "without factors"),
        (
            [Link(dense(2, 3), 1), Link(diagonal(3), 1)],
            "found 3 columns of factor 1 after 2 rows of factor 0",
        ),
        ([Link(Factored(2, 3, 0), 1)], "needed sizes of 1 or more"),
        ([Link(dense(2, 3), -1)], "costs of 0 or more"),
    ],
)
def test_bad_chains(chain: list[Link], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_forms(chain)
