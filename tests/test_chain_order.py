"""The order of a chain of Jacobians, against brute force over all bracketings and published optima."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from irgraph.autodiff.chain_order import Accumulate, ChainPlan, Multiply, Pull, Push, plan_chain
from irgraph.cli import app

INSTANCES = sorted((Path(__file__).parent / "data" / "jacobian_chains").glob("*.json"))
Chain = list[tuple[int, int, int]]


def brute_force(chain: Chain, memory: int | None, first: int, last: int) -> int:
    """The least cost over all bracketings and modes, nothing remembered."""
    if first == last:
        rows, columns, cost = chain[first]
        return cost * (min(rows, columns) if memory is None or cost <= memory else columns)
    best = []
    for split in range(first, last):
        left = brute_force(chain, memory, split + 1, last)
        right = brute_force(chain, memory, first, split)
        tape = sum(cost for _, _, cost in chain[first : split + 1])
        ahead = sum(cost for _, _, cost in chain[split + 1 : last + 1])
        best += [left + right + chain[last][0] * chain[split][0] * chain[first][1]]
        best += [right + chain[first][1] * ahead]
        if memory is None or tape <= memory:
            best += [left + chain[last][0] * tape]
    return min(best)


def price(chain: Chain, plan: ChainPlan) -> int:
    """What the steps cost, each matrix being made before it is used."""
    made: set[tuple[int, int]] = set()
    total = 0
    for step in plan.steps:
        if isinstance(step, Accumulate):
            rows, columns, cost = chain[step.factor]
            total += cost * (rows if step.mode == "reverse" else columns)
            made.add((step.factor, step.factor))
            continue
        first, split, last = step.first, step.split, step.last
        if not isinstance(step, Pull):
            made.remove((first, split))
        if not isinstance(step, Push):
            made.remove((split + 1, last))
        made.add((first, last))
        match step:
            case Multiply():
                total += chain[last][0] * chain[split][0] * chain[first][1]
            case Push():
                total += chain[first][1] * sum(cost for _, _, cost in chain[split + 1 : last + 1])
            case Pull():
                total += chain[last][0] * sum(cost for _, _, cost in chain[first : split + 1])
    assert made == {(0, len(chain) - 1)}
    return total


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=9))
    costs = [draw(st.integers(0, 40)) for _ in sizes[1:]]
    return [(m, n, cost) for (n, m), cost in zip(pairwise(sizes), costs, strict=True)]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(chains(), st.none() | st.integers(0, 120))
def test_cost_is_that_of_brute_force_and_of_its_steps(chain: Chain, memory: int | None) -> None:
    plan = plan_chain(chain, memory)
    assert plan.cost == brute_force(chain, memory, 0, len(chain) - 1) == price(chain, plan)
    plain = [cost for cost in (plan.forward, plan.reverse, plan.preaccumulation) if cost is not None]
    assert plan.cost <= min(plain)


@pytest.mark.parametrize("path", INSTANCES, ids=lambda path: str(path.stem))
def test_published_optima(path: Path) -> None:
    instance = json.loads(path.read_text())
    plan = plan_chain(instance["factors"])
    assert plan.cost == price(instance["factors"], plan) == instance["optimum"]
    assert (plan.forward, plan.reverse) == (instance["tangent"], instance["adjoint"])
    assert plan.preaccumulation == instance["optimal_preaccumulation"]


def test_a_tape_beyond_the_memory_is_not_made() -> None:
    chain = [(1, 50, 100), (1, 1, 10)]
    assert plan_chain(chain).cost == 110  # one adjoint of each
    limited = plan_chain(chain, memory=99)
    assert limited.reverse is None
    assert limited.cost == 50 * 100 + 10 + 50
    assert Accumulate(0, "forward") in limited.steps


def test_costs_beyond_64_bits_are_exact() -> None:
    n = 2**30
    plan = plan_chain([(n, n, n * n)] * 3)
    assert plan.cost == plan.forward == 3 * n**3 > 2**64


def test_500_factors() -> None:
    sizes = np.random.default_rng(0).integers(1, 900, 501).tolist()
    chain = [(m, n, m * n) for n, m in pairwise(sizes)]
    plan = plan_chain(chain)
    assert plan.cost == price(chain, plan) < min(plan.forward, plan.reverse or plan.forward)


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([], "without factors"),
        ([(2, 3, 6), (2, 3, 6)], "found 3 columns of factor 1 after 2 rows of factor 0"),
        ([(2, -3, 6)], "needed sizes and costs of 0 or more"),
    ],
)
def test_bad_chains(chain: Chain, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_chain(chain)


# ------------------------------------------------------------------------------------- command


def test_the_command_prints_a_plan() -> None:
    path = next(path for path in INSTANCES if path.stem == "p_3_3")
    done = CliRunner().invoke(app, ["plan-chain", str(path)])
    found = json.loads(done.stdout)
    assert (found["optimum"], found["forward"], found["reverse"]) == (56, 150, 100)
    assert found["bracketing"] == "(F3 · (F2 <F1))"
    assert found["order"][0] == {"step": "accumulate", "factor": 2, "mode": "reverse"}
    limited = json.loads(CliRunner().invoke(app, ["plan-chain", str(path), "--memory", "28"]).stdout)
    assert limited["reverse"] is None
    assert limited["optimum"] >= 56


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "needed"),
        ("[]", "with a list"),
        ("{}", "no 'factors'"),
        ('{"factors": [[1, 2]]}', "missing 1 required"),
        ('{"factors": [[1, 2, "a"]]}', "found 'a'; needed an integer"),
        ('{"factors": [[1, 2, 3], [1, 2, 3]]}', "found 2 columns"),
    ],
)
def test_the_command_says_what_a_file_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    from irgraph.cli import main

    path = tmp_path / "chain.json"
    path.write_text(content)
    with pytest.raises(SystemExit) as exit:
        main(["plan-chain", str(path)])
    assert exit.value.code == 1
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert '"factors"' in error
