"""Plans of Jacobians explained: the words are true of what is built, and the costs of the steps add up."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import FeedError, GraphError, NotDifferentiableError
from irgraph.jacobians import measuring
from irgraph.jacobians.costing import Effort
from irgraph.jacobians.explain import is_chain_order, waist_of
from irgraph.jacobians.plan import JacobianPlan
from irgraph.jacobians.steps import alternatives, course, whole
from irgraph.jacobians.words import calls, described
from irgraph.tables import quantity
from irgraph.testing import CASES, Case
from irgraph.value import Value
from irgraph.view.jacobians import COLOURS, WAIST

Problem = tuple[Value, Value]


def network(*widths: int, lead: tuple[int | str, ...] = (), named: bool = True) -> Problem:
    """A network of tanh layers: result and input."""
    x = h = ig.input("x", (*lead, widths[0]))
    for n, (size, width) in enumerate(pairwise(widths)):
        h = ig.tanh(h @ ig.parameter(f"{n}/w", (size, width)))
        h = h.named(f"h{n + 1}") if named else h
    return h, x


def residual(blocks: int) -> Problem:
    x = h = ig.input("x", (32,))
    for n in range(blocks):
        inside = ig.tanh(h @ ig.parameter(f"{n}/up", (32, 8)))
        h = h + inside @ ig.parameter(f"{n}/down", (8, 32))
    return h @ ig.parameter("out", (32, 4)), x


def branches() -> Problem:
    x = ig.input("x", (40,))
    a, b = ig.tanh(x @ ig.parameter("a", (40, 10))), ig.sin(x @ ig.parameter("b", (40, 10)))
    c = ig.tanh(a * b @ ig.parameter("c", (10, 30)))
    return ig.tanh((a + c[:10]) @ ig.parameter("d", (10, 20))) * 2.0, x


PROBLEMS = {
    "waist": network(60, 30, 4, 30, 60),
    "batch": network(16, 64, 8, 64, 10, lead=("batch",)),
    "deep": network(*[12] * 9, 3, *[12] * 9),
    "residual": residual(3),
    "branches": branches(),
    "softmax": (ig.softmax(ig.input("x", (8, 5)) @ (w := ig.parameter("w", (5, 3)))), w),
    "nothing to order": (ig.tanh(z := ig.input("z", (4,))), z),
}


def plans(problem: Problem) -> list[JacobianPlan]:
    y, x = problem
    auto = ig.plan_jacobian(y, x)
    shuffled = np.random.default_rng(0).permutation(list(auto.vertices)).tolist()
    return [auto, *(ig.plan_jacobian(y, x, mode) for mode in ("forward", "reverse", shuffled))]


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_costs_of_the_steps_add_up_to_that_of_the_plan(name: str) -> None:
    for plan in plans(PROBLEMS[name]):
        found = course(plan)
        together = sum((step.effort for step in found.steps), found.local + found.result)
        exact = (together.flops, together.nbytes, together.launches)
        assert exact == (plan.cost.flops, plan.cost.nbytes, plan.cost.launches)
        assert together.seconds == pytest.approx(plan.cost.seconds)
        assert [v for step in found.steps for v in step.vertices] == list(plan.order)
        assert str(plan)


@pytest.mark.parametrize("case", [case for case in CASES if case.differentiable][::9], ids=str)
def test_the_plan_of_every_op_is_explained(case: Case) -> None:
    values = case.values("float64") if "float64" in case.dtypes else case.values(case.dtypes[0])
    ends = [y for y in case.results(values) if y.dtype.is_float]
    sources = [values[name] for name in case.differentiable if values[name].dtype.is_float]
    if not ends or not sources:
        pytest.skip("not of floats")
    try:
        plan = ig.plan_jacobian(ends, sources)
    except NotDifferentiableError:
        pytest.skip("no derivative")
    found = course(plan)
    together = sum((step.effort for step in found.steps), found.local + found.result)
    assert (together.flops, together.launches) == (plan.cost.flops, plan.cost.launches)
    assert plan.explain().count("Jacobian of ") == min(16, len(ends) * len(sources))
    for shown in ("auto", "graph"):
        assert plan.draw(shown=shown).dot


def test_plain_modes_are_one_sweep() -> None:
    y, x = PROBLEMS["deep"]
    for mode, kind in (("forward", "forward"), ("reverse", "backward")):
        assert [step.kind for step in course(ig.plan_jacobian(y, x, mode)).steps] == [kind]  # type: ignore[arg-type]


def test_a_waist_is_met_from_both_sides() -> None:
    y, x = PROBLEMS["waist"]
    plan = ig.plan_jacobian(y, x, format="structured")
    steps = course(plan).steps
    sizes = [(s.kind, s.rows, s.inner, s.columns) for s in steps]
    assert sizes == [("forward", 4, 30, 60), ("backward", 60, 30, 4), ("multiply", 60, 4, 60)]
    for step in steps:  # what a product of these sizes takes, and the slopes that scale an operand of it
        product = 2 * step.rows * step.inner * step.columns
        assert product <= step.effort.flops <= 1.1 * product + 60 * 60
    text = plan.explain()
    assert re.search(r"v\d+ +h2 +4 +test_jacobian_plans.py:\d+ +the waist", text)
    assert "forward through h1: 4×30 · 30×60" in text
    assert "multiply at h2: 60×4 · 4×60" in text
    ratio = next(c for c in plan.candidates if c.name == "forward").effort.seconds / plan.cost.seconds
    assert f"{ratio:.3g} ×" in text


def test_past_a_waist_the_factors_are_kept() -> None:
    y, x = PROBLEMS["waist"]
    text = str(ig.plan_jacobian(y, x))
    assert "the last product apart" in text
    assert "multiply at h2: stays a product" in text
    assert "kept as the product of" in text


def test_sizes_leave_out_what_the_whole_chain_ties() -> None:
    text = str(ig.plan_jacobian(*PROBLEMS["batch"]))
    assert "blocks of 10 × 16, batch of them: axis 0 of h4 is tied to axis 0 of x" in text
    assert "one instance of 256" in text
    assert "multiply at h2: 10×8 · 8×16" in text


def test_a_vertex_has_the_name_of_what_costs_nothing_to_pass() -> None:
    y, x = network(6, 5, 4, 3)
    plan = ig.plan_jacobian(y, x)
    names = calls(plan.reduced)
    assert [names[v].name for v in plan.vertices] == ["h1", "h2"]
    y, x = network(6, 5, 4, 3, named=False)
    plan = ig.plan_jacobian(y, x)
    names = calls(plan.reduced)
    assert [(names[v].name, names[v].short(v)) for v in plan.vertices] == [
        ("tanh", f"v{v}") for v in plan.vertices
    ]


def test_a_matrix_before_a_fan_out_is_multiplied_once() -> None:
    def layer(x: Value, name: str, width: int) -> Value:
        return ig.tanh(x @ ig.parameter(name, (cast(int, x.shape[0]), width))).named(name)

    x = ig.input("x", (200,))
    a = layer(x, "a", 50)
    y = layer(layer(layer(a, "z", 4), "b", 50) + a, "y", 100)
    plan = ig.plan_jacobian(y, x, "reverse")
    names = calls(plan.reduced)
    assert "a" in [names[v].name for v in plan.vertices]
    products = 2 * 100 * (50 * 4 + 4 * 50 + 50 * 200)
    assert products < plan.cost.flops < 1.05 * products


def test_a_residual_stream_is_multiplied_where_it_is_narrow() -> None:
    def layer(x: Value, name: str, width: int) -> Value:
        return ig.tanh(x @ ig.parameter(name, (cast(int, x.shape[0]), width)))

    x = ig.input("x", (256,))
    h = layer(x, "in", 16)
    for n in range(2):
        h = h + layer(layer(h, f"up{n}", 64), f"down{n}", 16)
    plan = ig.plan_jacobian(layer(layer(h, "wide", 128), "out", 256), x, format="structured")
    assert plan.chosen.name == "chain"
    assert is_chain_order(plan)
    blocks = 2 * (2 * 16 * 64 * 16) + 2 * 16 * 16 * 16  # each block at its wide side, then the two
    products = blocks + 2 * (128 * 16 * 16 + 256 * 128 * 16) + 2 * 256 * 16 * 256
    assert products < plan.cost.flops < 1.05 * products
    assert "exact: of dense matrices no bracketing of the chain needs fewer" in plan.explain()


STRUCTURES: dict[str, Callable[[Value], Value]] = {
    "diagonal of 8×5": ig.tanh,
    "identity": lambda x: x + 1.0,
    "8 blocks of 1 × 5: axis 0 of y is tied to axis 0 of x": lambda x: ig.tanh(x).sum(1),
    "8 equal blocks of 3 × 5: axis 0 of y is tied to axis 0 of x": lambda x: x @ ig.parameter("w", (5, 3)),
    "linked, 5 blocks of 7 × 8": lambda x: 2.0 * x[1:],
    "axis 0 of y lies in axis 0 of x from 6 on in steps of -2": lambda x: x[6::-2],
    "axis 0 of x is indexed along axis 0 of y": lambda x: x[ig.input("index", (3,), "int64")],
    "axes 0, 1 of x and axes 0, 1 of y are one, reshaped": lambda x: ig.reshape(x, (4, 10)),
    "dense, 1 × (8, 5)": lambda x: ig.tanh(x).sum(),
}


@pytest.mark.parametrize("words", STRUCTURES)
def test_structure_in_words(words: str) -> None:
    x = ig.input("x", (8, 5))
    (result,) = ig.plan_jacobian(STRUCTURES[words](x), x).chosen.results
    assert words in "\n".join(described(result, "y", "x"))


def test_candidates_are_measured_on_feeds_given_or_random() -> None:
    x, index = ig.input("x", ("n", 6)), ig.input("index", (3,), "int64")
    y = ig.tanh(ig.log(x)[:, index] @ ig.parameter("w", (3, 20))) @ ig.parameter("v", (20, 4))
    plan = ig.plan_jacobian(y, x)
    found = plan.measure(x=np.ones((5, 6)), index=[5, 0, 2])
    assert found.rows[0].name == plan.chosen.name
    assert {row.name for row in found.rows} == {candidate.name for candidate in plan.candidates}
    for row, candidate in zip(found.rows, alternatives(plan), strict=True):
        assert row.calls >= 5
        assert row.seconds > 0
        assert row.peak == ig.compile(candidate.results).plan(n=5).nbytes
    text = plan.explain(measure=True)
    assert "measured" in text
    with pytest.raises(FeedError, match="found z; needed feeds of index, x"):
        plan.measure(z=1.0)


def test_the_narrowest_cut_is_a_waist_if_both_ends_are_wider() -> None:
    assert waist_of([8, 4, 2, 4, 8]) == 2
    assert waist_of([8, 4, 2, 4, 2]) is None
    assert waist_of([8, 2]) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(999, "999 B"), (999.6, "1 kB"), (1_000_000, "1 MB"), (0.00123, "1.23 mB"), (2e-12, "0.002 nB")],
)
def test_quantities(number: float, text: str) -> None:
    assert quantity(number, "B") == text


def test_effort_of_nothing() -> None:
    y, x = PROBLEMS["nothing to order"]
    plan = ig.plan_jacobian(y, x)
    assert plan.order == ()
    assert course(plan).result == Effort()
    assert "nothing is multiplied" in plan.explain()


def test_a_plan_in_parts_tells_the_steps_of_the_whole() -> None:
    y, x = network(64, 256, 64)
    free = ig.plan_jacobian(y, x, format="dense")
    (peak,) = re.findall(r"Memory: (.*) at the peak", free.explain())
    limit = int(ig.compile(free.chosen.results).plan().nbytes * 0.6)
    plan = ig.plan_jacobian(y, x, format="dense", memory=limit)
    assert plan.chosen not in plan.candidates
    assert whole(plan) in plan.candidates
    together = sum((step.effort for step in course(plan).steps), course(plan).local + course(plan).result)
    assert together.flops == whole(plan).effort.flops
    text = plan.explain(measure=True)
    assert f"of {quantity(limit, 'B')} allowed" in text
    assert re.search(r"\n +\d+ parts of axis \d of the (in|out)put +[\d.]+ Mflop", text)
    assert peak not in text.splitlines()[-1]
    assert plan.chosen.name in plan.draw().dot


def test_hints_are_those_of_the_plan() -> None:
    y, x = PROBLEMS["batch"]
    plan = ig.plan_jacobian(y, x, options=ig.PlanOptions(plan="measure", hints={"batch": 4}))
    together = sum((step.effort for step in course(plan).steps), course(plan).local + course(plan).result)
    assert together.flops == plan.cost.flops
    assert course(plan).instances == 4
    text = plan.explain()
    assert "one instance of 4" in text
    assert "for batch=4." in text
    assert "the fastest when run of" in text
    assert plan.measure().rows[0].peak < ig.plan_jacobian(y, x).measure().rows[0].peak


# -------------------------------------------------------------------------------------- pictures


def edges(dot: str) -> set[tuple[str, str]]:
    found = re.findall(r"^  (\w+)(?::b:\w)? -> (\w+)(?::b:\w)? \[", dot, re.MULTILINE)
    return {(source, target) for source, target in found}


def test_the_picture_of_a_chain_is_its_bracketing() -> None:
    dot = ig.plan_jacobian(*PROBLEMS["waist"]).draw(title="A waist").dot
    row = ["c0", "f0", "c1", "f1", "c2", "f2", "c3", "f3", "c4"]
    tree = {("f0", "s0"), ("f1", "s0"), ("f2", "s1"), ("f3", "s1"), ("s0", "s2"), ("s1", "s2")}
    assert edges(dot) == {*pairwise(row), *tree, ("s2", "result")}
    waist = next(line for line in dot.splitlines() if line.startswith("  c2 "))
    assert "<b>h2</b>" in waist
    assert WAIST[0] in waist
    for key, colours in (("s0", "forward"), ("s1", "backward"), ("s2", "multiply")):
        line = next(line for line in dot.splitlines() if line.startswith(f"  {key} ["))
        assert f'bgcolor="{COLOURS[colours][0]}"' in line  # type: ignore[index]
    assert "<b>A waist</b>" in dot


def test_an_order_by_hand_is_drawn_as_it_brackets() -> None:
    y, x = PROBLEMS["waist"]
    first, waist, last = ig.plan_jacobian(y, x).vertices
    dot = ig.plan_jacobian(y, x, (waist, last, first)).draw().dot  # (F4 F3 F2) F1, the middle first
    assert {("f1", "s0"), ("f2", "s0"), ("f3", "s0"), ("s0", "s1"), ("f0", "s1")} <= edges(dot)


def test_a_long_sweep_is_drawn_as_three_factors() -> None:
    dot = ig.plan_jacobian(*PROBLEMS["deep"]).draw().dot
    assert "… 7 factors …" in dot
    assert len(re.findall(r"^  f\d+ \[", dot, re.MULTILINE)) == 6  # three for each side of the waist


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("shown", ["auto", "graph"])
def test_every_plan_can_be_laid_out(name: str, shown: Literal["auto", "graph"], tmp_path: Path) -> None:
    for n, plan in enumerate(plans(PROBLEMS[name])[:4:3]):
        picture = plan.draw(tmp_path / f"{n}.svg", shown)
        assert (tmp_path / f"{n}.svg").read_text() == picture.svg
        assert {source for source, _ in edges(picture.dot)} <= set(
            re.findall(r"^  (\w+) \[", picture.dot, re.M)
        )
    assert "<svg" in plan._repr_html_()


def test_the_graph_tells_the_number_of_each_vertex() -> None:
    y, x = PROBLEMS["residual"]
    plan = ig.plan_jacobian(y, x, "reverse")
    dot = plan.draw(shown="graph").dot
    for number, vertex in enumerate(plan.order, 1):
        line = next(line for line in dot.splitlines() if line.startswith(f"  v{vertex} ["))
        assert f"<b>{number}</b>" in line
    found = {(f"v{u}", f"v{v}") for v, before in plan.reduced.into.items() for u in before}
    assert edges(dot) == found


def test_what_cannot_be_drawn_is_refused() -> None:
    plan = ig.plan_jacobian(*PROBLEMS["nothing to order"])
    with pytest.raises(GraphError, match="found a plan without a chain; needed a cut to draw"):
        plan.draw(shown="chain")
    with pytest.raises(GraphError, match="found shown='tree'; needed one of auto, chain, graph"):
        plan.draw(shown="tree")  # type: ignore[arg-type]


def test_a_hopeless_candidate_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ig.plan_jacobian(*PROBLEMS["residual"])
    assert {candidate.name for candidate in plan.candidates} == {"reverse", "forward"}
    monkeypatch.setattr(measuring, "HOPELESS", (0.0, 1.01))
    found = plan.measure()
    assert found["reverse"].calls >= 5
    assert found["forward"].calls == 0
    assert re.search(r"forward +not run", str(found))


def test_the_example_runs(tmp_path: Path) -> None:
    script = Path(__file__).parent.parent / "examples" / "jacobian_order.py"
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^(\w+) +([\d,]+) flops, +([\d.]+) ms measured$", done.stdout, re.MULTILINE)
    flops = {name: int(number.replace(",", "")) for name, number, _ in lines}
    sweep = 784 * (32 * 256 + 256 * 32 + 784 * 256)
    products = {"forward": sweep, "reverse": sweep, "chain": 2 * 784 * 32 * 256 + 784 * 32 * 784}
    assert flops == {name: pytest.approx(2 * number, rel=0.02) for name, number in products.items()}
    assert all(float(milliseconds) > 0 for *_, milliseconds in lines)
    differ = re.search(r"they differ by (\S+) at most", done.stdout)
    assert differ is not None
    assert float(differ[1]) < 1e-5
    assert "the waist" in (tmp_path / "jacobian_order.svg").read_text()
