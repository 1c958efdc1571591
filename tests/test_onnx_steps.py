"""Training steps as ONNX models: state in, state out, the same numbers as on NumPy."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx.reference
import onnxruntime
import pytest

import irgraph as ig
from irgraph.errors import ExportError, FeedError, GraphError
from irgraph.onnx import replay, save, to_model
from irgraph.onnx.saving import check_model
from irgraph.onnx.schema import OPSETS
from irgraph.ops.random import Philox
from irgraph.ops.trigonometric import Tanh
from irgraph.testing.cases.sources import philox_words

OPTIMIZERS: dict[str, Callable[[], ig.optim.Optimizer]] = {
    "SGD": lambda: ig.optim.SGD(0.1),
    "momentum": lambda: ig.optim.SGD(0.05, momentum=0.9),
    "Nesterov": lambda: ig.optim.SGD(0.05, momentum=0.9, nesterov=True),
    "Adam": lambda: ig.optim.Adam(1e-2),
}


def network(optimizer: ig.optim.Optimizer) -> ig.Function:
    """Two layers with dropout and noise; a running mean travels with the hidden values."""
    x, target = ig.input("x", ("batch", 12)), ig.input("target", ("batch",), "int64")
    w0 = ig.parameter("hidden.w", (12, 24), init=ig.init.he_normal())
    b0, running = ig.parameter("hidden.b", (24,)), ig.state("running", (24,))
    hidden = ig.relu(x @ w0 + b0 + 0.01 * ig.random_normal(("batch", 24), name="noise"))
    hidden = ig.with_update(hidden, {running: 0.9 * running + 0.1 * hidden.mean(0)})
    hidden = ig.dropout(hidden, 0.3, name="drop")
    logits = hidden @ ig.parameter("out.w", (24, 5), init=ig.init.glorot_uniform())
    loss = ig.losses.softmax_cross_entropy(logits, target)
    outputs = {"loss": loss, "label": ig.argmax(logits)}
    return ig.compile(outputs, updates=optimizer.minimize(loss), seed=7)


def feeds(random: np.random.Generator, batch: int) -> dict[str, Any]:
    """A batch that the network can learn a little from."""
    target = random.integers(0, 5, batch)
    x = random.normal(size=(batch, 12)) + np.eye(5, 12)[target]
    return {"x": x.astype("float32"), "target": target}


def counter(start: int = 0) -> tuple[ig.Value, ig.Value]:
    """A state variable and its value one later."""
    calls = ig.state("calls", dtype="int64", init=start)
    return calls, calls + 1


# ------------------------------------------------------------------------------------------ the law


@pytest.mark.parametrize("batch", [8, 33])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_those_of_numpy(name: str, batch: int) -> None:
    step = network(OPTIMIZERS[name]())
    model = to_model(step)
    check_model(model)
    run = replay(model)
    random = np.random.default_rng(0)
    for _ in range(20):
        fed = feeds(random, batch)
        expected, found = step(**fed), run(**fed)
        assert abs(found["loss"] - expected["loss"]) <= 1e-5
        np.testing.assert_array_equal(found["label"], expected["label"])
    assert run.state.keys() == step.state.keys() - {
        "learning_rate",
        "noise/radius/key",
        "noise/angle/key",
        "drop/key",
    }
    for key, array in run.state.items():
        np.testing.assert_allclose(array, step.state[key], rtol=0, atol=1e-5, err_msg=key)
    assert [run.state[f"{key}/step"] for key in ("noise/radius", "noise/angle", "drop")] == [20, 20, 20]


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset(opset: int) -> None:
    step = network(OPTIMIZERS["Adam"]())
    model = to_model(step, opset=opset)
    check_model(model)
    fed = feeds(np.random.default_rng(1), 4)
    np.testing.assert_allclose(replay(model)(**fed)["loss"], step(**fed)["loss"], atol=1e-5)


def test_a_gradient_with_dropout_is_a_step_too() -> None:
    x, w = ig.input("x", ("batch", 3)), ig.parameter("w", (3, 2), init=ig.init.glorot_uniform())
    y = ig.dropout(ig.tanh(x @ w), 0.5, name="drop")
    gradient = ig.compile({"dw": ig.grad((y * y).sum(), w)}, seed=2)
    run = replay(to_model(gradient))
    assert list(run.state) == ["drop/step"]
    for _ in range(3):
        fed = {"x": np.random.default_rng(0).normal(size=(5, 3)).astype("float32")}
        np.testing.assert_allclose(run(**fed)["dw"], gradient(**fed)["dw"], rtol=1e-5)


def test_the_example_trains_on_in_onnx_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(Path(__file__).parent.parent / "examples" / "onnx_training_step.py"))
    report, *rows = capsys.readouterr().out.splitlines()
    assert "onnxruntime agrees at batch=2 and batch=5" in report
    losses = [float(row.split()[3]) for row in rows]
    assert [row.split()[1] for row in rows] == ["20:", "30:", "40:", "50:"]
    assert losses[-1] < losses[0]


# ------------------------------------------------------------------------------------------ Philox


@pytest.mark.parametrize("key", [0, 1, -1, 2**40 + 3, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (4, 3), (0, 3), (5, 8193)])
def test_random_words_are_the_same_bits(key: int, shape: tuple[int, ...]) -> None:
    words = Philox(shape, 2**32 - 5, 27)(ig.input("key", (), "int64"), ig.input("step", (), "int64"))
    run = replay(to_model({"words": words}))
    for step in (0, 2**32 - 1, 2**33 + 5, -2):
        found = run(key=key, step=step)["words"]
        if len(shape) < 2 or not shape[1] % 2:
            np.testing.assert_array_equal(found, philox_words(key, step, 2**32 - 5, 27, shape), strict=True)
        np.testing.assert_array_equal(found, ig.evaluate(words, key=key, step=step), strict=True)


def test_random_words_over_named_dims() -> None:
    x = ig.input("x", ("n", 3, "m"))
    draw = ig.compile(
        {"u": ig.random_uniform(x.shape, -1.0, 2.0, name="u", dtype="float64") + 0 * x.astype("float64")}
    )
    run = replay(to_model(draw))
    for n, m in ((1, 1), (2, 5), (7, 3), (0, 2)):
        fed = np.zeros((n, 3, m), "float32")
        np.testing.assert_array_equal(run(x=fed)["u"], draw(x=fed)["u"])


# ------------------------------------------------------------------------------------- what a model says


def test_state_is_an_input_with_a_default_and_an_output() -> None:
    step = network(OPTIMIZERS["momentum"]())
    step(**feeds(np.random.default_rng(0), 3))  # a default is what the state holds now
    model = to_model(step, metadata={"task": "test"})
    graph = model.graph
    pairs = json.loads({p.key: p.value for p in model.metadata_props}["irgraph.state"])
    assert all(pairs[name] == f"{name}.next" for name in pairs)
    assert [value.name for value in graph.output] == ["loss", "label", *pairs.values()]
    assert [value.name for value in graph.input] == ["x", "target", *pairs]
    defaults = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name in step.state:  # learning rate and keys too, as constants
        np.testing.assert_array_equal(defaults[name], step.state[name], strict=True)
    assert {p.key for p in model.metadata_props} == {"irgraph.state", "task"}
    for node in graph.node:
        origin, *phase = node.metadata_props
        assert [(p.key, p.value) for p in phase] in (
            [],
            [("irgraph.phase", "backward")],
            [("irgraph.phase", "update")],
        )
        assert (origin.key, origin.value.partition(":")[0]) == ("irgraph.origin", "test_onnx_steps.py")


def test_any_driver_can_loop() -> None:
    """With ONNX Runtime and the model's own properties alone."""
    step = network(OPTIMIZERS["Adam"]())
    session = onnxruntime.InferenceSession(
        to_model(step).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pairs = json.loads(session.get_modelmeta().custom_metadata_map["irgraph.state"])
    names = [output.name for output in session.get_outputs()]
    random = np.random.default_rng(0)
    state: dict[str, Any] = {}
    for _ in range(5):
        fed = feeds(random, 6)
        results = dict(zip(names, session.run(None, {**fed, **state}), strict=True))
        state = {name: results[new] for name, new in pairs.items()}
        np.testing.assert_allclose(results["loss"], step(**fed)["loss"], atol=1e-5)


def test_another_runtime_gives_the_same() -> None:
    """ONNX's own reference, which knows nothing of defaults."""
    step = network(OPTIMIZERS["momentum"]())
    model = to_model(step)
    evaluator = onnx.reference.ReferenceEvaluator(model)
    pairs = json.loads(model.metadata_props[0].value)
    state = {name: step.state[name] for name in pairs}
    for _ in range(3):
        fed = feeds(np.random.default_rng(0), 5)
        results = dict(zip(evaluator.output_names, evaluator.run(None, {**fed, **state}), strict=True))
        state = {name: results[new] for name, new in pairs.items()}
        np.testing.assert_allclose(results["loss"], step(**fed)["loss"], atol=1e-5)


def test_state_that_is_only_read_is_an_input_on_request() -> None:
    step = network(OPTIMIZERS["SGD"]())
    run = replay(to_model(step, state_inputs=["learning_rate"]))
    fed = feeds(np.random.default_rng(0), 4)
    assert run.state["learning_rate"] == np.float32(0.1)
    run.state["learning_rate"] = step.state["learning_rate"] = 0.5
    for _ in range(3):
        step(**fed), run(**fed)
    np.testing.assert_allclose(run.state["out.w"], step.state["out.w"], atol=1e-5)
    predict = ig.compile(ig.parameter("w", (2,), init=2.0) * ig.input("x", (2,)))
    run = replay(to_model(predict, state_inputs="w"))
    run.state["w"] = [3.0, 4.0]
    assert run(x=[1.0, 1.0])["output0"].tolist() == [3, 4]


def test_a_graph_with_updates_and_a_state() -> None:
    calls, more = counter(5)
    graph, state = ig.Graph({"twice": calls * 2}, [(calls, more)]), ig.State()
    state.admit(graph.states, seed=0)
    run = replay(to_model(graph, state))
    assert [run()["twice"].item() for _ in range(3)] == [10, 12, 14]
    assert run.state["calls"] == 8


def test_updates_happen_as_if_at_once() -> None:
    x = ig.input("x", (2,))
    a, b, c, d, e = (ig.state(name, (2,), init=float(n)) for n, name in enumerate("abcde"))
    total = a + x
    updates = {a: b, b: a, c: x, d: ig.constant([7.0, 8.0]), e: total}
    step = ig.compile({"total": total, "a": a, "x": x}, updates=updates)
    model = to_model(step)
    check_model(model)
    run = replay(model)
    for n in range(3):
        fed = np.array([n, 10.0], "float32")
        found, expected = run(x=fed), step(x=fed)
        assert {k: v.tolist() for k, v in found.items()} == {k: v.tolist() for k, v in expected.items()}
        assert {k: v.tolist() for k, v in run.state.items()} == {k: v.tolist() for k, v in step.state.items()}


def test_a_declared_input_binds_a_dim_that_the_graph_does_not_read() -> None:
    x, w = ig.input("x", ("n",)), ig.parameter("w", (), init=1.0)
    slope = ig.compile({"dx": ig.grad((x * w).mean(), x)}, inputs=[x])
    run = replay(to_model(slope))
    assert run(x=np.ones(4))["dx"].tolist() == slope(x=np.ones(4))["dx"].tolist() == [0.25] * 4


# --------------------------------------------------------------------------------------- replaying


def test_a_failing_step_leaves_the_state() -> None:
    calls, more = counter()
    x, index = ig.input("x", (3,)), ig.input("index", (), "int64")
    run = replay(to_model(ig.compile({"y": ig.gather(x, index)}, updates={calls: more})))
    assert run.step(x=[1.0, 2.0, 3.0], index=2)["y"] == 3
    with pytest.raises(Exception, match="indices element out of data bounds"):
        run(x=[1.0, 2.0, 3.0], index=7)
    with pytest.raises(FeedError, match="feeds x; needed index, x"):
        run(x=[1.0, 2.0, 3.0])
    assert run.state["calls"] == 1


def test_what_replay_returns_is_its_own() -> None:
    a = ig.state("a", (2,), init=1.0)
    run = replay(to_model(ig.compile({"a2": a * 2.0}, updates={a: a + 1.0})))
    first, before = run()["a2"], run.state["a"]
    before[:] = 100.0
    assert (run()["a2"].tolist(), first.tolist()) == ([4, 4], [2, 2])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w", 1.0, "no state variable 'w'; needed one of: calls"),
        ("calls", [1], r"int64\[1\] for state variable 'calls'; needed int64\[\]"),
        ("calls", 1.5, r"float64\[\] for state variable 'calls'; needed int64\[\]"),
    ],
)
def test_state_that_does_not_fit_a_replay(name: str, content: Any, message: str) -> None:
    calls, more = counter()
    run = replay(to_model(ig.compile(calls + 0, updates={calls: more})))
    with pytest.raises(GraphError, match=message):
        run.state[name] = content
    assert dict(run.state) == {"calls": 0}


# ------------------------------------------------------------------------------------------- saving


def test_save_runs_steps_and_reports(tmp_path: Path) -> None:
    step = network(OPTIMIZERS["Adam"]())
    report = save(step, tmp_path / "step.onnx")
    assert (report.compared, report.opset) == (({"batch": 2}, {"batch": 5}), 18)
    assert report.difference < 1e-5
    assert step.state["drop/step"] == 0  # comparing is done on a copy
    run = replay(tmp_path / "step.onnx")
    fed = feeds(np.random.default_rng(0), 4)
    np.testing.assert_allclose(run(**fed)["loss"], step(**fed)["loss"], atol=1e-5)


def test_a_new_state_that_onnxruntime_computes_otherwise_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = ig.state("a", (2,), init=0.5)
    monkeypatch.setattr(Tanh, "onnx_type", "Sin")
    step = ig.compile({"y": a + 1.0}, updates={a: ig.tanh(a)})
    with pytest.raises(ExportError, match=r"output 'a\.next' of onnxruntime [^$]*test_onnx_steps\.py"):
        save(step, tmp_path / "step.onnx")
    assert not list(tmp_path.iterdir())


def test_a_direction_that_is_rounding_alone_is_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bias drops out of the loss, so that its gradient is noise, of which Adam takes the sign."""
    x, b = ig.input("x", ("n", 16)), ig.parameter("b", (16,))
    w = ig.parameter("w", (16, 16), init=ig.init.normal(0.5))
    h = x @ w + b
    centred = h - h.mean(0, keepdims=True)
    loss = ig.mean(centred * centred * centred)
    step = ig.compile({"loss": loss}, updates=ig.optim.Adam(0.1).minimize(loss))
    report = save(step, tmp_path / "step.onnx", sizes=[{"n": 64}])
    assert report.difference > 1e-3
    monkeypatch.setattr("irgraph.onnx.comparing.PERTURBATIONS", 0)
    with pytest.raises(ExportError, match=r"output 'b\.next' of onnxruntime"):
        save(step, tmp_path / "step.onnx", sizes=[{"n": 64}])


# --------------------------------------------------------------------------------------- bad input


def clashes() -> dict[str, Callable[[], ig.Function]]:
    """Names that a model can't have twice."""
    calls, more = counter()
    x = ig.input("calls.next", (), "int64")
    other = ig.state("calls.next", dtype="int64")
    return {
        "output": lambda: ig.compile({"calls.next": calls * 2}, updates={calls: more}),
        "input": lambda: ig.compile({"y": x + calls}, updates={calls: more}),
        "state": lambda: ig.compile({"y": other + calls}, updates={calls: more}),
    }


@pytest.mark.parametrize("kind", clashes())
def test_a_name_that_a_new_value_needs(kind: str) -> None:
    message = (
        r"the name 'calls\.next' of <.*>; needed another one, as the new value of the state variable 'calls'"
    )
    with pytest.raises(ExportError, match=message):
        to_model(clashes()[kind]())


def test_an_output_that_is_called_like_a_state_variable() -> None:
    calls, more = counter()
    with pytest.raises(ExportError, match="the name 'calls' for an output and for <calls : int64"):
        to_model(ig.compile({"calls": calls * 2}, updates={calls: more}))


def test_a_declared_input_that_is_called_like_a_state_variable() -> None:
    calls, more = counter()
    with pytest.raises(ExportError, match="the name 'calls' for an input and for <calls : int64"):
        to_model(ig.compile({"y": calls * 2}, updates={calls: more}, inputs=[ig.input("calls")]))


def test_unknown_state_inputs() -> None:
    calls, more = counter()
    with pytest.raises(
        ExportError, match=r"state_inputs \['lr'\]; needed state variables of the graph: 'calls'"
    ):
        to_model(ig.compile(calls * 2, updates={calls: more}), state_inputs=["lr", "calls"])


def test_a_state_of_another_type() -> None:
    calls, more = counter()
    state = ig.compile(ig.state("calls", (2,))).state
    with pytest.raises(ExportError, match=r"'calls' as float32\[2\] in the state; needed int64\[\]"):
        to_model(ig.Graph({"y": calls * 2}, [(calls, more)]), state)


def test_the_key_of_the_pairs_is_reserved() -> None:
    with pytest.raises(ExportError, match=r"'irgraph\.state' in the metadata"):
        to_model(ig.input("x") + 1, metadata={"irgraph.state": "{}"})


def test_state_above_the_limit_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irgraph.onnx.exporting.SIZE_LIMIT", 1000)
    with pytest.raises(ExportError, match=r"found [\d,]+ bytes of state; needed at most 2 GiB"):
        to_model(network(OPTIMIZERS["Adam"]()))
