"""What an exported model says: names, dims, opsets, origins; and what can't be exported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import irgraph as ig
from irgraph.dims import bind, parse_size
from irgraph.errors import ExportError
from irgraph.onnx import replay, to_model
from irgraph.onnx.saving import check_model
from irgraph.onnx.schema import forms
from irgraph.ops.constants import Full
from irgraph.ops.elementary import Relu
from irgraph.ops.trigonometric import Tanh
from irgraph.types import TensorType, bool_, float32, int64


def mlp() -> tuple[ig.Function, dict[str, ig.Value]]:
    """Two layers for 8 by 8 images, and its loss and parameters."""
    x = ig.input("x", ("batch", 8, 8))
    w1 = ig.parameter("hidden.w", (64, 16), init=ig.init.glorot_uniform())
    b1 = ig.parameter("hidden.b", (16,))
    w2 = ig.parameter("out.w", (16, 10), init=ig.init.glorot_uniform())
    logits = (ig.tanh(x.reshape("batch", -1) @ w1 + b1) @ w2).named("logits")
    outputs = {"probabilities": ig.softmax(logits), "label": ig.argmax(logits)}
    return ig.compile(outputs), {"logits": logits, "w1": w1, "b1": b1, "w2": w2}


def dims(value: onnx.ValueInfoProto) -> list[int | str]:
    """The sizes of a value, numbers and names."""
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_an_mlp_keeps_its_names_and_ops() -> None:
    model = to_model(mlp()[0], metadata={"task": "digits"})
    check_model(model)
    graph = model.graph
    assert [dims(value) for value in graph.input] == [["batch", 8, 8]]
    assert [(v.name, dims(v)) for v in graph.output] == [
        ("probabilities", ["batch", 10]),
        ("label", ["batch"]),
    ]
    ops = ["Reshape", "MatMul", "Add", "Tanh", "MatMul", "Softmax", "ArgMax"]
    assert [node.op_type for node in graph.node] == ops
    assert graph.node[4].output == ["logits"]
    assert graph.node[5].name == "probabilities"
    assert {"hidden.w", "hidden.b", "out.w"} <= {tensor.name for tensor in graph.initializer}
    assert (model.ir_version, model.opset_import[0].version, len(model.opset_import)) == (8, 18, 1)
    assert {pair.key: pair.value for pair in model.metadata_props} == {"task": "digits"}
    assert all(tensor.HasField("raw_data") for tensor in graph.initializer)


def test_parameters_hold_what_the_state_holds_now() -> None:
    function, _ = mlp()
    function.state["hidden.b"] = np.arange(16.0)
    (b1,) = (t for t in to_model(function).graph.initializer if t.name == "hidden.b")
    assert onnx.numpy_helper.to_array(b1).tolist() == list(range(16))


def test_every_node_tells_its_line_but_not_its_folder() -> None:
    y = ig.softmax_cross_entropy(ig.input("x", ("n", 3)), ig.input("t", ("n",), "int64"))
    line = sys._getframe().f_lineno - 1
    for node in to_model(y).graph.node:
        assert {pair.key: pair.value for pair in node.metadata_props} == {
            "irgraph.origin": f"test_onnx_model.py:{line}"
        }
        assert node.name.startswith("softmax_cross_entropy/") or node.name == "output0"


def test_a_trained_model_is_exported_from_the_state_of_its_step() -> None:
    _, values = mlp()
    labels = ig.input("labels", ("batch",), "int64")
    loss = ig.losses.softmax_cross_entropy(values["logits"], labels)
    step = ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss))
    random = np.random.default_rng(0)
    images = random.standard_normal((5, 8, 8)).astype("float32")
    for _ in range(3):
        step(x=images, labels=[0, 1, 2, 3, 4])
    trained = ig.compile({"logits": values["logits"]}, state=step.state)
    found = replay(to_model(trained))(x=images)["logits"]
    np.testing.assert_allclose(found, trained(x=images)["logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [18, 19, 20, 21])
def test_opsets(opset: int) -> None:
    model = to_model(mlp()[0], opset=opset)
    check_model(model)
    assert model.ir_version <= 10
    assert replay(model)(x=np.zeros((2, 8, 8)))["label"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "formula",
    [
        "2*batch + 1",
        "batch*seq - 3",
        "3 - 2*batch",
        "batch*batch*seq",
        "(batch + 1)//2",
        "(seq - 9)//2",
        "(1 - batch)//seq",
        "batch//(1 - seq)",
        "2*(batch//seq) - seq//2",
        "(batch//2 + 7)//3",
    ],
)
def test_dim_arithmetic_at_run_time(formula: str) -> None:
    dim = parse_size(formula)
    x = ig.input("x", ("batch", 3, "seq"))
    size = Full(1, TensorType(int64, ()), times=dim)()
    run = replay(to_model({"size": size, "x": x}))
    for batch in range(1, 8):
        for seq in range(2, 6):
            found = run(x=np.zeros((batch, 3, seq)))["size"]
            assert found == bind(dim, {"batch": batch, "seq": seq})


def dynamic_graphs() -> dict[str, ig.Value]:
    """Values whose shapes need arithmetic with named dims."""
    x, index = ig.input("x", ("batch", "seq", 4)), ig.input("index", ("batch",), "int64")
    both = ig.concatenate([x, x[:, 1:]], axis=1)
    return {
        "fold": x.reshape("seq", "batch", 4),
        "flat": ig.reshape(x, (-1,)),
        "heads": x.reshape("batch", "seq", 2, 2).transpose(0, 2, 1, 3).reshape("batch", 2, "seq*2"),
        "both": both,
        "every other": both[:, ::2, ::-2],
        "backwards": x[::-1, -2::-1],
        "padded": ig.pad(x, [(1, 0), (0, 2), (3, 1)], 7.0),
        "spread": ig.broadcast_to(x.mean(1, keepdims=True), ("batch", "2*seq", 4)),
        "one_hot": ig.one_hot(index, "seq") @ x[0],
        "gathered": ig.gather(x, index, axis=1),
        "picked": ig.gather(x, index, axis=1, batch_dims=1),
        "far": ig.gather(x, index, axis=2, batch_dims=1),
        "scattered": ig.scatter_add(x, index, size="batch + 3"),
        "mean": x.mean(),
        "share": ig.grad(x.mean(), x) * x,
        "gaps": ig.grad((x[:, ::-2] * x[:, ::-2]).sum(), x),
        "running": ig.cumsum(x, axis=1, reverse=True),
    }


@pytest.mark.parametrize("name", list(dynamic_graphs()))
def test_dynamic_shapes(name: str) -> None:
    function = ig.compile({name: dynamic_graphs()[name]})
    model = to_model(function)
    check_model(model)
    run = replay(model)
    for batch, seq in ((2, 3), (5, 4), (1, 2)):
        feeds: dict[str, Any] = {
            "x": np.random.default_rng(0).standard_normal((batch, seq, 4)).astype("float32"),
            "index": np.arange(batch) % 2,
        }
        feeds = {key: feeds[key] for key in function.graph.inputs}
        np.testing.assert_allclose(run(**feeds)[name], function(**feeds)[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(("batch", "seq", 2, 2), [0, 0, 2, 2]), (("batch", "seq*4"), None), (("batch*seq", 4), [-1, 4])],
)
def test_a_reshape_is_written_in_integers_where_they_say_it(shape: Any, expected: Any) -> None:
    graph = to_model(ig.input("x", ("batch", "seq", 4)).reshape(*shape)).graph
    if expected is None:
        assert graph.node[-1].attribute[0].name == "allowzero"
    else:
        assert onnx.numpy_helper.to_array(graph.initializer[0]).tolist() == expected
        assert len(graph.node) == 1


def test_an_empty_batch() -> None:
    x = ig.input("x", ("batch", "seq", 4))
    run = replay(to_model({"a": x.reshape("batch", "seq*4"), "b": x.reshape("batch*seq", 4)}))
    assert [y.shape for y in run(x=np.zeros((0, 3, 4))).values()] == [(0, 12), (0, 4)]


# --------------------------------------------------------------------------------------- names


def test_equal_nodes_are_written_once_and_named_ones_kept() -> None:
    x = ig.input("x", (3,))
    model = to_model({"y": ig.exp(x) + ig.exp(x), "z": ig.exp(x).named("powers") * 2.0})
    assert [node.op_type for node in model.graph.node].count("Exp") == 2
    assert [node.output[0] for node in model.graph.node] == ["exp", "y", "powers", "z"]


def test_names_that_are_taken_get_a_number() -> None:
    x = ig.input("x", (3,))
    a, b = ig.exp(x).named("same"), ig.sin(x).named("same")
    outputs = [node.output[0] for node in to_model({"y": a + b, "exp": a * b}).graph.node]
    assert outputs == ["same", "same_1", "y", "exp"]


def test_outputs_that_are_not_computed() -> None:
    x, w = ig.input("x", ("n",)), ig.parameter("w", (2,), init=3.0)
    outputs = {"x": x, "again": x, "also": x, "w": w, "copy": w, "c": ig.constant([1.0])}
    model = to_model(ig.compile(outputs))
    check_model(model)
    found = replay(model)(x=[1.0])
    expected = {"x": [1], "again": [1], "also": [1], "w": [3, 3], "copy": [3, 3], "c": [1]}
    assert {name: array.tolist() for name, array in found.items()} == expected


def test_one_value_under_two_output_names() -> None:
    y = ig.exp(ig.input("x", (1,)))
    assert list(replay(to_model({"a": y, "b": y}))(x=[0.0])) == ["a", "b"]


def test_an_output_with_the_name_of_another_input_is_refused() -> None:
    x = ig.input("x", (3,))
    with pytest.raises(ExportError, match=r"the name 'x' for an output and for <x : float32\[3\]>"):
        to_model({"x": x + 1})


# --------------------------------------------------------------------------------- what is refused


def test_ops_without_onnx_form_are_refused_at_once_with_reasons_and_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Relu, "no_onnx", "for a test")
    monkeypatch.setattr(Tanh, "onnx_type", None)
    x = ig.input("x", (3,))
    line = sys._getframe().f_lineno + 1
    y = ig.exp(ig.relu(x)) + ig.relu(ig.tanh(x) * 2.0)
    with pytest.raises(ExportError) as caught:
        to_model(y)
    at = f"test_onnx_model.py:{line}: y = ig.exp"
    assert f"'relu' (for a test; at {at}" in str(caught.value).replace(f"{Path(__file__).parent}/", "")
    assert str(caught.value).count("'tanh' (it states none; at ") == 1
    assert "needed ops with an ONNX form" in str(caught.value)


def gelu_of_opset_20(self: Relu, write: Any, node: Any) -> list[str]:
    return [write.node("Gelu", write.read(node.inputs[0]))]


def test_a_low_opset_is_refused_with_the_op_that_needs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relu, "export", gelu_of_opset_20)
    y = ig.relu(ig.input("x", (3,)))
    refusal = (
        r"op 'relu', whose ONNX form Gelu is of opset 20; needed forms of opset 19[^$]*test_onnx_model\.py"
    )
    with pytest.raises(ExportError, match=rf"{refusal}[^$]*Export with opset=20, or without opset="):
        to_model(y, opset=19)
    for wanted in (20, 21):
        model = to_model(y, opset=wanted)
        assert (model.graph.node[0].op_type, model.opset_import[0].version) == ("Gelu", wanted)


def test_the_lowest_opset_that_has_all_forms_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    x = ig.input("x", (3,))
    assert to_model(ig.exp(ig.relu(x))).opset_import[0].version == 18
    monkeypatch.setattr(Relu, "export", gelu_of_opset_20)
    assert to_model(ig.exp(ig.relu(x))).opset_import[0].version == 20


def test_an_opset_follows_from_what_the_standard_says() -> None:
    """Of the op, its dtypes, its attributes and how many inputs it has."""
    assert forms("Gelu", (float32,), frozenset({"approximate"}), 1)[0] == (20, 21)
    assert forms("ReduceMax", (bool_, int64), frozenset({"keepdims"}), 1)[0] == (20, 21)
    assert forms("AveragePool", (float32,), frozenset({"kernel_shape", "dilations"}), 1)[0] == (19, 20, 21)
    assert forms("DFT", (float32, int64), frozenset({"axis"}), 1)[0] == (18, 19)
    assert forms("Relu", (float32,), frozenset(), 20)[0] == (20, 21)
    for attributes, count in (({"alpha"}, 1), (set(), 2)):
        with pytest.raises(ExportError, match="ONNX's Relu"):
            forms("Relu", (float32,) * count, frozenset(attributes), 1)


def test_forms_of_no_common_opset_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relu, "export", gelu_of_opset_20)
    y = ig.tanh(ig.relu(ig.input("x", (3,))))
    monkeypatch.setattr(
        "irgraph.onnx.writer.forms", lambda op, *_: ((18 if op == "Tanh" else 20,), (float32,))
    )
    with pytest.raises(ExportError, match="Gelu is of opset 20; needed forms that are of one opset"):
        to_model(y)


def test_an_opset_out_of_range_is_refused() -> None:
    with pytest.raises(ExportError, match="opset 17; needed one from 18 to 21"):
        to_model(ig.input("x"), opset=17)


def test_a_dtype_that_onnx_does_not_take_is_refused() -> None:
    x = ig.input("x", (2, 2), "int8")
    with pytest.raises(
        ExportError, match=r"matmul: found int8 for 'A' of ONNX's MatMul[^$]*test_onnx_model\.py"
    ):
        to_model(x @ x)


def test_a_graph_with_parameters_needs_a_state() -> None:
    w = ig.parameter("w", (3,))
    with pytest.raises(ExportError, match="the parameter 'w' and no state"):
        to_model(w * 2)
    with pytest.raises(ExportError, match="a function and another state"):
        to_model(ig.compile(w * 2), ig.State())


def test_a_dim_that_no_input_has_is_refused() -> None:
    x = ig.input("x", ("2*n",))
    with pytest.raises(ExportError, match="the named dim 'n', which no input has"):
        to_model({"y": ig.arange("n"), "x": x})


def test_deep_graphs() -> None:
    y = ig.input("x", (2,))
    for _ in range(5000):
        y = ig.sigmoid(y)
    assert len(to_model(y).graph.node) == 5000


def test_onnx_is_imported_only_when_it_is_used() -> None:
    code = "import sys, irgraph; irgraph.onnx; assert not {'onnx', 'onnxruntime'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
