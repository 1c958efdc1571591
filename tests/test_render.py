"""`irgraph render`, and pictures of ONNX models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

import irgraph as ig
from irgraph.cli import app, main
from irgraph.errors import IrgraphError
from irgraph.onnx.drawing import sketch

MODEL = """
import irgraph as ig

x = ig.input("x", ("batch", 8))
y = ig.relu(x @ ig.parameter("hidden/w", (8, 4)) + ig.parameter("hidden/b", (4,)))
predict = ig.compile(y)
number = 3


def graph():
    return ig.Graph({"y": y})


def fails():
    raise ValueError("no data")
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "drawn_model.py"
    path.write_text(MODEL)
    return path


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit:
        main(["render", *arguments])
    assert exit.value.code == 1
    return capsys.readouterr().err


# ------------------------------------------------------------------------------------- commands


@pytest.mark.parametrize("name", ["predict", "graph", "y"])
def test_a_name_of_a_file_is_drawn(script: Path, name: str) -> None:
    result = CliRunner().invoke(app, ["render", f"{script.name}:{name}"])
    assert (result.exit_code, result.output) == (0, f"wrote {name}.svg\n")
    svg = Path(f"{name}.svg").read_text()
    assert svg.startswith("<svg")
    assert "drawn_model.py:5" in svg


def test_a_name_of_a_module_is_drawn_with_options(script: Path) -> None:
    arguments = [
        "drawn_model:graph",
        "-o",
        "out.dot",
        "--direction",
        "right",
        "--parameters",
        "--depth",
        "all",
    ]
    assert CliRunner().invoke(app, ["render", *arguments, "--no-legend"]).exit_code == 0
    dot = Path("out.dot").read_text()
    assert 'rankdir="LR"' in dot
    assert "hidden/w" in dot
    assert "<b>graph" not in dot


def test_an_onnx_file_is_drawn(script: Path) -> None:
    ig.onnx.save(ig.compile(ig.relu(ig.input("x", ("n", 2)) @ ig.parameter("a/w", (2, 2)))), "model.onnx")
    assert CliRunner().invoke(app, ["render", "model.onnx", "-o", "m.png"]).exit_code == 0
    assert Path("m.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model"], "found the target 'model'; needed MODEL.onnx, FILE.py:NAME or MODULE:NAME"),
        (["none.onnx"], "none.onnx"),
        (["none.py:x"], "no file none.py"),
        (["nowhere:x"], "found no module 'nowhere'"),
        (
            ["drawn_model.py:number"],
            "of type int; needed a Graph, a compiled function, values, or a function",
        ),
        (
            ["drawn_model.py:preddict"],
            "found no 'preddict' in drawn_model.py; needed one of its names, such as predict",
        ),
        (["drawn_model.py:fails"], "found drawn_model.py:fails(), which raises ValueError: no data"),
        (["broken.py:x"], "found broken.py, which raises SyntaxError"),
        (["needy.py:x"], "found needy.py, which needs the module 'not_there'"),
        (["drawn_model.py:y", "-o", "y.bmp"], "found --out '.bmp'; needed one of .svg"),
        (["drawn_model.py:y", "--depth", "two"], "found --depth 'two'; needed one of auto, all, a number"),
        (["drawn_model.py:y", "--direction", "up"], "found --direction 'up'; needed one of down, right"),
        (["text.onnx"], "found no ONNX model in text.onnx"),
        (["empty.onnx"], "found no graph in empty.onnx"),
    ],
)
def test_what_can_not_be_drawn_is_told(
    script: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.py").write_text("x = (")
    Path("needy.py").write_text("import not_there")
    Path("text.onnx").write_text("no model")
    Path("empty.onnx").write_bytes(b"")
    assert message in error_of(capsys, *arguments).replace("\n", " ")
    assert not list(Path().glob("*.svg"))


# ----------------------------------------------------------------------------------------- ONNX


def test_the_sketch_of_a_model_is_its_graph() -> None:
    x = ig.input("x", ("batch", 8))
    y = ig.relu(x @ ig.parameter("hidden/w", (8, 4)) + ig.parameter("hidden/b", (4,))).named("y")
    model = ig.onnx.to_model(ig.compile({"y": y}))
    found = sketch(model)
    title = {box.key: box.title for box in found.boxes}
    arrows = [(title[wire.source], title[wire.target], wire.label) for wire in found.wires]
    assert arrows == [
        ("x", "MatMul", "batch×8"),
        ("MatMul", "Add", "batch×4"),
        ("Add", "Relu", "batch×4"),
        ("Relu", "y", "batch×4"),
    ]
    boxes = {box.title: box for box in found.boxes}
    assert boxes["MatMul"].rows == ("w  8×4",)
    assert boxes["MatMul"].layer == boxes["Relu"].layer == ("hidden",)
    assert "test_render.py:" in boxes["Relu"].tooltip
    assert [(box.title, box.rows[1]) for box in found.collapsed(1).boxes if box.count > 1] == [
        ("hidden", "36 parameters")
    ]


def test_a_training_step_has_its_phases() -> None:
    loss = (ig.input("x", ("n", 3)) @ ig.parameter("a/w", (3, 2))).mean()
    step = ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss))
    found = sketch(ig.onnx.to_model(step))
    kinds = {box.kind for box in found.boxes}
    assert kinds == {"input", "forward", "backward", "update"}
    assert {box.kind for box in found.boxes if box.title == "Sub"} == {"update"}


def foreign_model() -> onnx.ModelProto:
    """What other exporters write: paths as node names, Constant nodes, a body that reads from around it."""
    two = numpy_helper.from_array(np.array([2.0], np.float32))
    inner = helper.make_node("Add", ["a", "scale"], ["inner"])
    result = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [2])
    body = helper.make_graph([inner], "body", [], [result])
    nodes = [
        helper.make_node("Constant", [], ["scale"], "/enc/Constant", value=two),
        helper.make_node("Mul", ["x", "scale"], ["a"], "/enc/layers.0/Mul"),
        helper.make_node("LeakyRelu", ["a"], ["b"], "/enc/layers.0/Act", alpha=0.125),
        helper.make_node("If", ["flag"], ["y"], "/choose/If", then_branch=body, else_branch=body),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("flag", TensorProto.BOOL, []),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "b")]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs))


def test_models_of_other_exporters() -> None:
    found = sketch(foreign_model())
    boxes = {box.title: box for box in found.boxes}
    assert boxes["Mul"].rows == ("2",)
    assert boxes["LeakyRelu"].rows == ("alpha=0.125",)
    assert boxes["LeakyRelu"].layer == ("enc", "layers", "0")
    assert set(boxes["If"].rows) >= {"then_branch: 1 nodes", "else_branch: 1 nodes"}
    title = {box.key: box.title for box in found.boxes}
    assert ("Mul", "If") in {(title[wire.source], title[wire.target]) for wire in found.wires}
    assert ig.onnx.draw(foreign_model(), title="foreign").svg.startswith("<svg")


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\xff\xff")
    with pytest.raises(IrgraphError, match="no ONNX model in"):
        ig.onnx.draw(path)
