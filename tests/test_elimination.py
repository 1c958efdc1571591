"""The order of eliminating vertices: against all orders, against numbers multiplied out, and by hand."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from irgraph.autodiff.elimination import Counting, Dag, plan_elimination
from irgraph.autodiff.elimination_bound import separator
from irgraph.autodiff.elimination_graph import KINDS, bits
from irgraph.cli import app

COUNTINGS: tuple[Counting, ...] = ("all", "structural", "nontrivial")


def count(dag: Dag, order: tuple[int, ...], counting: Counting) -> int:
    """Multiplications of an order, on a table of edges: written for being read, not for speed."""
    edges = dict(dag.edges)
    ends = {*dag.inputs}
    for output in dag.outputs:
        if any(u == output for u, _ in edges) and output not in ends:
            edges[output, -1 - output] = "1"
    sizes = {v: dag.sizes.get(v if v >= 0 else -1 - v, 1) for edge in edges for v in edge}
    total = 0
    for v in order:
        into = [(u, kind) for (u, w), kind in edges.items() if w == v]
        out = [(w, kind) for (u, w), kind in edges.items() if u == v]
        for u, a in into:
            for w, b in out:
                constant = "x" not in (a, b)
                trivial = bool({a, b} & {"1", "-1"})
                counted = {"all": True, "structural": not constant, "nontrivial": not (constant or trivial)}
                total += counted[counting] * sizes[u] * sizes[v] * sizes[w]
                signs = {"1": 1, "-1": -1}
                if a in signs and b in signs:
                    made = "1" if signs[a] * signs[b] == 1 else "-1"
                else:
                    made = "c" if constant else "x"
                known = edges.get((u, w))
                edges[u, w] = made if known is None else "x" if "x" in (made, known) else "c"
        edges = {edge: kind for edge, kind in edges.items() if v not in edge}
    return total


@st.composite
def dags(draw: st.DrawFn, inner: int = 5) -> Dag:
    starts, middle, ends = draw(st.integers(1, 2)), draw(st.integers(0, inner)), draw(st.integers(1, 2))
    total = starts + middle + ends
    edges = {}
    for v in range(starts, total):
        for u in range(min(v, starts + middle)):
            if draw(st.booleans()):
                edges[u, v] = draw(st.sampled_from((*KINDS, "x", "x")))
    for v in range(starts, starts + middle):  # every vertex is on a path
        edges.setdefault((0, v), "x")
        edges.setdefault((v, total - 1), "x")
    outputs = (*range(starts + middle, total), *((starts,) if middle and draw(st.booleans()) else ()))
    sizes = {v: draw(st.integers(1, 3)) for v in range(total)}
    return Dag(tuple(range(starts)), outputs, edges, sizes)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(dags(), st.sampled_from(COUNTINGS))
def test_no_order_is_cheaper_than_the_exact_one(dag: Dag, counting: Counting) -> None:
    plan = plan_elimination(dag, counting)
    assert plan.exact
    assert plan.cost == plan.counts[counting]
    assert plan.counts == {each: count(dag, plan.order, each) for each in COUNTINGS}
    assert plan.cost == min(count(dag, order, counting) for order in permutations(sorted(plan.order)))
    assert plan.forward == count(dag, tuple(sorted(plan.order)), counting)
    assert plan.reverse == count(dag, tuple(sorted(plan.order, reverse=True)), counting)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(dags(inner=18), st.integers(0, 3))
def test_a_heuristic_order_is_no_worse_than_a_plain_mode(dag: Dag, seed: int) -> None:
    plan = plan_elimination(dag, effort=4_000, seed=seed, exact=0)
    if plan.exact:
        assert plan.cost == plan_elimination(dag, exact=18).cost
    assert plan.cost == count(dag, plan.order, "all") <= min(plan.forward, plan.reverse)
    assert plan == plan_elimination(dag, effort=4_000, seed=seed, exact=0)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dags(inner=6))
def test_the_bound_is_the_lightest_separator(dag: Dag) -> None:
    """Against all sets of vertices that meet every path from the inputs."""
    end = max(dag.outputs)
    rows = [0] * (end + 1)
    for u, v in dag.edges:
        rows[v] |= 1 << u
    sizes = [dag.sizes[v] for v in range(end + 1)]
    for v in filter(rows.__getitem__, range(end + 1)):
        lightest = min(
            sum(sizes[u] for u in bits(cut)) for cut in range(1 << v) if not _reaches(rows, v, cut)
        )
        assert separator(rows, sizes, v, 1000) == lightest
        assert separator(rows, sizes, v, lightest - 1) == lightest - 1


def _reaches(rows: list[int], v: int, cut: int) -> bool:
    """Whether a path from a vertex without a row to v avoids a set."""
    seen, stack = {v}, [v]
    while stack:
        for u in bits(rows[stack.pop()]):
            if u not in seen and not cut >> u & 1:
                if not rows[u]:
                    return True
                seen.add(u)
                stack.append(u)
    return False


def test_more_effort_is_no_worse() -> None:
    rng = np.random.default_rng(0)
    edges = {(u, v): "x" for v in range(3, 40) for u in range(v) if rng.random() < 0.3 and u < 37}
    dag = Dag((0, 1, 2), (37, 38, 39), edges)
    costs = [plan_elimination(dag, effort=effort).cost for effort in (0, 20_000, 200_000)]
    assert costs[2] < costs[0]
    assert costs[1] <= costs[0]


DAGS = Path(__file__).parent / "data" / "elimination_dags"
REACHED = {  # the plain modes are published, the order is at most this with the default effort
    "roe_flux_1d": (620, 364, 300),
    "robot_arm_6dof": (397, 301, 221),
    "human_heart_dipole": (240, 172, 148),
    "propane_combustion": (151, 90, 88),
}


@pytest.mark.parametrize("name", REACHED)
def test_published_graphs(name: str) -> None:
    """Forward, reverse and best order of Lohoff and Neftci 2024, arXiv 2406.05027."""
    content = json.loads((DAGS / f"{name}.json").read_text())
    edges = {(u, v): kind for u, v, kind in content["edges"]}
    dag = Dag(tuple(content["inputs"]), tuple(content["outputs"]), edges)
    plan = plan_elimination(dag)
    forward, reverse, reached = REACHED[name]
    assert (plan.forward, plan.reverse) == (forward, reverse)
    assert (forward, reverse) == (content["published"]["forward"], content["published"]["reverse"])
    assert count(dag, plan.order, "all") == plan.cost <= reached <= min(content["published"].values())
    assert plan.exact == (name != "roe_flux_1d")


def test_a_published_order_costs_what_it_is_said_to() -> None:
    """The order of 320 multiplications in the repository of AlphaGrad; equations count from 1 there."""
    content = json.loads((DAGS / "roe_flux_1d.json").read_text())
    edges = {(u, v): kind for u, v, kind in content["edges"]}
    dag = Dag(tuple(content["inputs"]), tuple(content["outputs"]), edges)
    assert count(dag, tuple(v + 5 for v in ALPHAGRAD_320), "all") == 320


# fmt: off
ALPHAGRAD_320 = (
    8, 82, 27, 66, 7, 78, 76, 13, 48, 42, 68, 86, 95, 4, 59, 28, 77, 54, 1, 94, 5, 58, 72, 93, 75,
    31, 53, 33, 57, 90, 44, 25, 89, 88, 84, 96, 74, 92, 83, 91, 45, 51, 81, 80, 11, 10, 85, 43, 22,
    73, 19, 71, 6, 18, 17, 79, 47, 50, 52, 21, 37, 38, 55, 49, 69, 35, 65, 29, 64, 16, 9, 60, 15,
    61, 23, 87, 70, 67, 24, 46, 63, 39, 2, 62, 3, 41, 40, 32, 26, 34, 56, 30, 14, 98, 36, 12, 20,
    100,
)
# fmt: on


def test_vertices_on_no_path_are_left_out() -> None:
    edges = {(0, 1): "x", (1, 2): "x", (0, 3): "x", (4, 1): "x", (3, 5): "x"}
    assert plan_elimination(Dag((0,), (2,), edges)).order == (1,)


def test_an_output_that_is_used_again_is_eliminated() -> None:
    """y0 = f(x), y1 = g(y0): one product, whatever the order."""
    plan = plan_elimination(Dag((0,), (1, 2), {(0, 1): "x", (1, 2): "x"}))
    assert plan.order == (1,)
    assert plan.counts == {"all": 2, "structural": 2, "nontrivial": 1}


@pytest.mark.parametrize(
    ("dag", "message"),
    [
        (Dag((0,), (2,), {(0, 1): "x", (1, 2): "x", (2, 1): "x"}), r"cycle among the vertices \[1, 2"),
        (Dag((0, 1), (2,), {(0, 1): "x", (1, 2): "x"}), "edge into the input 1"),
        (Dag((0,), (1,), {(0, 1): "y"}), r"found the value 'y' on the edge \(0, 1\)"),
        (Dag((0,), (1,), {(0, 1): "x"}, {0: 0}), "found size 0 of vertex 0"),
    ],
)
def test_bad_graphs(dag: Dag, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_elimination(dag)


def test_the_command_prints_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    edges = [[0, 1, "x"], [1, 2, "x"], [1, 3, "-1"], [2, 4, "x"], [3, 4, "x"]]
    path.write_text(json.dumps({"vertices": 5, "sizes": {}, "inputs": [0], "outputs": [4], "edges": edges}))
    found = json.loads(CliRunner().invoke(app, ["plan-dag", str(path)]).stdout)
    assert (found["optimum"], found["forward"], found["reverse"], found["exact"]) == (3, 4, 3, True)
    assert sorted(found["order"]) == [1, 2, 3]
    assert found["counts"] == {"all": 3, "structural": 3, "nontrivial": 2}


def test_the_command_says_what_a_file_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from irgraph.cli import main

    path = tmp_path / "dag.json"
    path.write_text('{"inputs": [0], "outputs": [1], "edges": [[0, 1]]}')
    with pytest.raises(SystemExit) as exit:
        main(["plan-dag", str(path)])
    assert exit.value.code == 1
    assert "not enough values" in capsys.readouterr().err
