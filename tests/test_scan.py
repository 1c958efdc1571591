"""scan: its numbers against JAX's, what the compiler makes of it, its memory, its errors."""

from __future__ import annotations

import json
import math
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.control_flow.scan import Scan
from irgraph.dims import estimate
from irgraph.errors import ExecutorError, FeedError, GraphError, NonFiniteError
from irgraph.printing import parse, to_text
from irgraph.region import count_nodes
from tests.marked_lines import must_say

Array = np.ndarray[Any, Any]
CASES = json.loads((Path(__file__).parent / "data/scan/jax.json").read_text())["cases"]
SHAPES = {"x": (5, 2, 3), "w": (3, 3), "h": (2, 3)}


def wave(shape: tuple[int, ...], number: int) -> Array:
    """The numbers of tests/data/scan/make.py."""
    return np.asarray(np.cos(1.7 * (np.arange(math.prod(shape)) + 1) * (1 + number / 7)).reshape(shape))


# ---------------------------------------------------------------------------------- against JAX


def rnn(x: ig.Value, w: ig.Value, h: ig.Value) -> Any:
    last, hs = ig.scan(lambda h, x: (ig.tanh(h @ w + x),) * 2, h, x)
    return (hs * hs).sum() + last.sum()


def both(x: ig.Value, w: ig.Value, h: ig.Value) -> Any:
    def step(carry: Any, x: ig.Value) -> Any:
        a, b = carry
        return (b, ig.sin(a @ w) + x * b), {"y": a * x, "z": x.sum()}

    (a, b), ys = ig.scan(step, (h, h * 2.0), x, reverse=True)
    return (a * b).sum() + (ys["y"] * ys["y"]).sum() + ig.tanh(ys["z"]).sum()


def power(x: ig.Value, w: ig.Value, h: ig.Value) -> Any:
    last, ys = ig.scan(lambda h, _: (h @ w, h), h, None, length=4)
    return (last * ys.sum(0)).sum() + x.sum()


def nested(x: ig.Value, w: ig.Value, h: ig.Value) -> Any:
    def outer(h: ig.Value, x: ig.Value) -> Any:
        return ig.scan(lambda s, e: (ig.tanh(s @ w + e), s * h), h, ig.stack([x, 2.0 * x, x * x]))

    last, ys = ig.scan(outer, h, x)
    return (ys * ys).sum() + last.sum()


FUNCTIONS: dict[str, Callable[..., ig.Value]] = {"rnn": rnn, "both": both, "power": power, "nested": nested}


def inputs(time: int | str = 5) -> list[ig.Value]:
    shapes = {**SHAPES, "x": (time, 2, 3)}
    return [ig.input(name, shape, "float64") for name, shape in shapes.items()]


@pytest.mark.parametrize("time", [5, "time"], ids=["number", "named"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_are_those_of_jax(name: str, time: int | str) -> None:
    values = inputs(time)
    tangents = [ig.constant(wave(shape, n + 3)) for n, shape in enumerate(SHAPES.values())]
    tangents[0] = ig.input("t", values[0].shape, "float64")
    loss = FUNCTIONS[name](*values)
    gradient = ig.grad(loss, values)
    results = {
        "value": loss,
        "gradient": gradient,
        "tangent": ig.jvp(loss, values, tangents),
        "second": ig.jvp(gradient, values, tangents),
    }
    if time == 5:
        results["hessian"] = ig.hessian(loss, values[2])
    f = ig.compile(results, inputs=values, verify=True)
    fed = {key: wave(shape, n) for n, (key, shape) in enumerate(SHAPES.items())} | {"t": wave((5, 2, 3), 3)}
    found = f(**{key: array for key, array in fed.items() if key in f.inputs})
    for key, result in found.items():
        wanted = CASES[name][key]
        pairs = zip(result, wanted, strict=True) if isinstance(result, list) else [(result, wanted)]
        for one, other in pairs:
            np.testing.assert_allclose(np.asarray(one).reshape(-1), other, rtol=1e-10, atol=1e-10)


# --------------------------------------------------------------------------------- the compiler


def scans(graph: ig.Graph) -> list[ig.Node]:
    return [node for node in graph.nodes if isinstance(node.op, Scan)]


def lstm_step(time: int | str) -> ig.Function:
    x = ig.input("x", (4, time, 3))
    h = ig.nn.LSTM(5, name="lstm")(x)
    loss = (h * h).mean()
    return ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss), verify=True)


def test_a_longer_scan_is_the_same_program() -> None:
    short, long = lstm_step(128), lstm_step(1024)
    assert count_nodes(short.graph) == count_nodes(long.graph)
    assert str(short.report()) == str(long.report())
    plans = short.plan(), long.plan()
    assert len(plans[0].compute) == len(plans[1].compute)
    bodies = [list(plan.bodies.values()) for plan in plans]
    for one, other in zip(*bodies, strict=True):
        assert one.workspace.nbytes == other.workspace.nbytes
        assert [step.node.op.name for step in one.compute] == [step.node.op.name for step in other.compute]


def test_a_named_length_needs_no_second_compilation() -> None:
    f = lstm_step("time")
    for time in (3, 7):
        f(x=wave((4, time, 3), 1))
        assert f.memory().allocated == f.memory().peak


def test_the_forward_scan_of_a_gradient_is_the_one_of_the_value() -> None:
    x, w, h = inputs()
    loss = rnn(x, w, h)
    program = ig.compile([loss, *ig.grad(loss, [x, w])], verify=True).program
    forward, backward = scans(program.graph)
    assert not forward.op.attributes()["reverse"]
    assert backward.op.attributes()["reverse"]
    merge = next(each for each in program.report.passes if each.name == "merge")
    assert merge.after < merge.before - 5
    tangent = ig.compile([loss, ig.jvp(loss, w, ig.ones((3, 3), "float64"))]).program.graph
    assert len(scans(tangent)) == 1
    second = ig.compile([loss, ig.hvp(loss, w, ig.ones((3, 3), "float64"))]).program.graph
    assert len(scans(second)) == 2


def test_scans_that_differ_stay_apart() -> None:
    x, w, h = inputs()
    one = ig.scan(lambda s, x: (ig.tanh(s @ w + x), None), h, x)[0]
    other = ig.scan(lambda s, x: (ig.sin(s @ w + x), None), h, x)[0]
    mirrored = ig.scan(lambda s, x: (ig.tanh(s @ w + x), None), h, x, reverse=True)[0]
    again = ig.scan(lambda s, x: (ig.tanh(s @ w + x), x * 2.0), h, x)
    f = ig.compile([one, other, mirrored, *again], verify=True)
    assert len(scans(f.program.graph)) == 3


def test_a_scan_of_what_another_one_makes_is_not_merged_with_it() -> None:
    x, w, h = inputs()
    first, _ = ig.scan(lambda s, x: (s @ w + x, None), h, x)
    second, _ = ig.scan(lambda s, x: ((s[0] @ w + x, s[1] + s[0] * first), None), (h, h), x)
    fed = {key: wave(shape, n) for n, (key, shape) in enumerate(SHAPES.items())}
    f = ig.compile([first, *second], verify=True)
    assert len(scans(f.program.graph)) == 2
    one, again, total = f(**fed)
    s, t = fed["h"], fed["h"]
    for each in fed["x"]:
        s, t = s @ fed["w"] + each, t + s * one
    np.testing.assert_allclose(again, s)
    np.testing.assert_allclose(total, t)


def test_the_gradient_of_a_weight_is_one_product_after_the_loop() -> None:
    x, w, h = inputs()
    graph = ig.compile(ig.grad(rnn(x, w, h), w)).program.graph
    products = [node for node in graph.nodes if node.op.name == "matmul"]
    assert [node.inputs[0].shape for node in products] == [(3, 10)]
    body = scans(graph)[-1].op.attributes()["body"].graph
    assert [node.op.name for node in body.nodes].count("matmul") == 1
    assert scans(graph)[-1].op.attributes()["carries"] == 1


def test_a_sum_of_outer_products_is_one_product_after_the_loop() -> None:
    x, w, h = ig.input("x", ("time", 3)), ig.input("w", (3, 3)), ig.input("h", (3,))
    graph = ig.compile(
        ig.grad(ig.scan(lambda s, x: (ig.tanh(s @ w + x), None), h, x)[0].sum(), w)
    ).program.graph
    assert scans(graph)[-1].op.attributes()["carries"] == 1
    assert "matmul" in [node.op.name for node in graph.nodes]


def test_what_nobody_reads_is_not_computed() -> None:
    x, w, h = inputs()
    (a, _), ys = ig.scan(lambda s, x: ((s[0] + x, ig.exp(s[1])), (x * x, s[0])), (h, h), x)
    f = ig.compile([a, ys[1]], verify=True)
    (node,) = scans(f.program.graph)
    names = [each.op.name for each in node.op.attributes()["body"].graph.nodes]
    assert node.op.attributes()["carries"] == 1
    assert "exp" not in names
    assert "multiply" not in names
    gradient = ig.compile(ig.grad(rnn(x, w, h), h), verify=True)
    assert len(scans(gradient.program.graph)[-1].outputs) == 1


def test_what_does_not_depend_on_the_step_is_computed_once() -> None:
    x, w, h = inputs()
    last, _ = ig.scan(lambda s, x: (s @ ig.exp(w) + x, None), h, x)
    graph = ig.compile(last).program.graph
    assert "exp" in [node.op.name for node in graph.nodes]
    assert "exp" not in [node.op.name for node in scans(graph)[0].op.attributes()["body"].graph.nodes]


def test_a_scan_of_constants_is_folded() -> None:
    total, sums = ig.scan(lambda s, x: (s + x, s * x), 0.0, np.arange(5.0, dtype="f"))
    f = ig.compile([total, sums])
    assert not scans(f.program.graph)
    np.testing.assert_array_equal(f()[1], [0, 0, 2, 9, 24])


# ------------------------------------------------------------------------------------- as data


def test_text_and_pickles_keep_the_body() -> None:
    graph = ig.Graph({"loss": nested(*inputs("time"))})
    text = to_text(graph)
    assert text.count("region scan.body") == 2
    again = parse(text)
    assert again.structure() == graph.structure()
    assert to_text(again) == text
    assert pickle.loads(pickle.dumps(graph)).structure() == graph.structure()
    assert "region scan.body.0 {" in str(graph)


def test_a_region_that_is_missing_is_named() -> None:
    text = to_text(ig.Graph({"loss": rnn(*inputs())}))
    with pytest.raises(GraphError, match=r"line \d+: found \"region\('scan.body.0'\)\"; needed .region scan"):
        parse(text[: text.index("region scan.body.0 {")])


def test_equal_bodies_are_equal_and_others_not() -> None:
    x, w, h = inputs()
    one, same = (ig.scan(lambda s, x: (s @ w + x, None), h, x)[0].node.op for _ in range(2))
    other = ig.scan(lambda s, x: (s @ w - x, None), h, x)[0].node.op
    assert one == same
    assert hash(one) == hash(same)
    assert one != other


def test_pictures_and_summaries_have_scans() -> None:
    graph = ig.Graph({"loss": rnn(*inputs())})
    assert "scan" in str(ig.summary(graph))
    assert ig.to_networkx(graph).number_of_nodes() == len(graph.nodes)
    assert estimate(graph.cost().flops) > 5 * 2 * 2 * 3 * 3


# -------------------------------------------------------------------------------------- memory


def test_a_step_allocates_what_was_planned_and_nothing_else() -> None:
    f = ig.compile(rnn(*inputs("time")))
    fed = {"w": wave((3, 3), 1), "h": wave((2, 3), 2)}
    peaks = []
    for time in (10, 2000):
        x = wave((time, 2, 3), 0)
        f(x=x, **fed)
        tracemalloc.start()
        f(x=x, **fed)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert f.memory().allocated == f.memory().peak
    assert peaks[1] < peaks[0] + 2000  # bytes: views come and go, arrays do not


def test_the_memory_report_looks_into_the_body() -> None:
    report = lstm_step("time").memory(time=1000)
    assert sum(value.nbytes for value in report.values) <= report.peak
    assert any("carry0" in value.description for value in report.values)


# ------------------------------------------------------------------------------------- failing


def test_errors_within_a_body_have_the_users_line() -> None:
    index, table = ig.input("i", ("n",), "int64"), ig.input("table", (3, 2))
    total, _ = ig.scan(lambda s, i: (s + ig.gather(table, i), None), ig.zeros((2,)), index)  # here
    f = ig.compile(total)
    assert f(i=[0, 2], table=np.ones((3, 2))).tolist() == [2, 2]
    with pytest.raises(FeedError) as caught:
        f(i=[0, 3], table=np.ones((3, 2)))
    says = ("the index 3 at []", "integers from 0 to 2")
    must_say(caught.value, test_errors_within_a_body_have_the_users_line, "test_scan.py", says)


def test_check_names_the_first_value_of_a_body_that_is_not_finite() -> None:
    x = ig.input("x", ("n",))
    f = ig.compile(ig.scan(lambda s, x: (s + x, ig.log(x)), 0.0, x), check=True)
    f(x=[1.0, 2.0])
    with pytest.raises(NonFiniteError, match=r"-inf at \[\] of a result of log"):
        f(x=[1.0, 0.0])


def test_random_numbers_are_drawn_before() -> None:
    noise = ig.random_normal(("n", 3), name="noise")
    x = ig.input("x", ("n", 3))
    total, _ = ig.scan(lambda s, each: (s + each[0] * each[1], None), ig.zeros((3,)), (x, noise))
    f = ig.compile([total, noise])
    a, drawn = f(x=np.ones((4, 3)))
    np.testing.assert_allclose(a, drawn.sum(0), rtol=1e-5)
    assert not np.array_equal(f(x=np.ones((4, 3)))[0], a)


class WithoutLoops:
    """NumPy's executor, but for scans."""

    name = "loopless"

    def __getattr__(self, name: str) -> Any:
        return getattr(ig.find_executor("numpy"), name)

    def has_kernel(self, op: Any) -> bool:
        return op is not Scan and bool(ig.find_executor("numpy").has_kernel(op))


def test_an_executor_without_loops_gets_the_steps_or_refuses() -> None:
    values = inputs()
    fed = {key: wave(shape, n) for n, (key, shape) in enumerate(SHAPES.items())}
    loss = rnn(*values)
    runner: Any = WithoutLoops()
    f = ig.compile([loss, *ig.grad(loss, values)], executor=runner)
    assert not scans(f.program.graph)
    for one, other in zip(f(**fed), ig.compile([loss, *ig.grad(loss, values)])(**fed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    with pytest.raises(ExecutorError, match="no kernels for scan in executor 'loopless'"):
        ig.compile(rnn(*inputs("time")), executor=runner)


# ---------------------------------------------------------------------------------------- ONNX


@pytest.mark.parametrize("name", FUNCTIONS)
def test_steps_with_scans_are_replayed_in_onnx_runtime(name: str, tmp_path: Path) -> None:
    x = ig.input("x", ("time", 2, 3))
    w, h = (ig.parameter(key, SHAPES[key], init=wave(SHAPES[key], 1).astype("f")) for key in "wh")
    loss = FUNCTIONS[name](x, w, h)
    step = ig.compile(loss, updates=ig.optim.SGD(0.01).minimize(loss), inputs=[x])
    report = ig.onnx.save(step, tmp_path / "step.onnx")
    assert len(report.compared) == 2
    assert report.difference < 1e-5
