"""Saving: what is checked, what is reported, and that a file is never half written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import ExportError, FeedError
from irgraph.onnx import Replay, Report, replay, save, to_model
from irgraph.onnx.comparing import choose_sizes, difference
from irgraph.ops.trigonometric import Tanh


def test_the_report(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    x, w = ig.input("x", ("batch", 3)), ig.parameter("w", (3, 2), init=0.5)
    report = save(ig.compile({"y": ig.relu(x @ w)}), path, metadata={"license": "none"})
    assert isinstance(report, Report)
    assert (report.opset, report.nodes, report.nbytes) == (18, 2, path.stat().st_size)
    assert report.compared == ({"batch": 2}, {"batch": 5})
    assert report.difference < 1e-6
    assert "onnxruntime agrees at batch=2 and batch=5" in str(report)
    assert os.listdir(tmp_path) == ["model.onnx"]
    run = replay(path)
    assert isinstance(run, Replay)
    assert run(x=np.ones((4, 3)))["y"].tolist() == [[1.5, 1.5]] * 4


def test_a_graph_and_a_state(tmp_path: Path) -> None:
    function = ig.compile(ig.parameter("w", (2,), init=0.5) * 2.0)
    report = save(function.graph, tmp_path / "m.onnx", function.state)
    assert (report.compared, str(report).endswith("(largest difference 0.0e+00)")) == (({},), True)


def test_a_model_that_onnxruntime_reads_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"the old one")
    x = ig.input("x", ("n",))
    monkeypatch.setattr(Tanh, "onnx_type", "Sin")
    with pytest.raises(ExportError, match=r"output 'wrong' of onnxruntime at n=2 to be 0\.\d+ off NumPy's"):
        save({"right": x + 1, "wrong": ig.tanh(x)}, path)
    assert path.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == ["m.onnx"]
    assert "not checked" in str(save(ig.tanh(x), path, check=False))


def test_a_model_that_the_checker_refuses_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tanh, "export", lambda self, write, node: [write.node("Tanh", "", since=1)])
    monkeypatch.setattr("irgraph.onnx.writer.forms", lambda *_: ((18,), (ig.types.float32,)))
    with pytest.raises(ExportError, match="ONNX's checker refuses"):
        save(ig.tanh(ig.input("x", (3,))), tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == []


def test_a_failing_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        save(ig.input("x", (3,)) + 1, tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == []


def test_sizes_that_the_graph_allows(tmp_path: Path) -> None:
    x = ig.input("x", ("n", "m"))
    y = x[10:].reshape("2*((n - 10)//2)", "m")
    assert choose_sizes(ig.Graph([y])) == [{"m": 11, "n": 12}, {"m": 13, "n": 14}]
    assert save(y, tmp_path / "m.onnx", sizes=[{"n": 20, "m": 2}]).compared == ({"n": 20, "m": 2},)


def test_no_sizes_that_the_graph_allows() -> None:
    with pytest.raises(ExportError, match=r"no sizes for the named dims n[^$]*sizes=\[\{'n': 8\}\]"):
        choose_sizes(ig.Graph([ig.input("x", ("n",))[1000:]]))


def test_indices_of_short_axes(tmp_path: Path) -> None:
    index = ig.input("index", ("n",), "int32")
    save(ig.gather(ig.input("x", (1, 3)), index), tmp_path / "m.onnx")


def test_integers_and_truth_values_must_be_equal(tmp_path: Path) -> None:
    x, flag = ig.input("x", ("n", 4)), ig.input("flag", ("n", 4), "bool")
    outputs = {"best": ig.argmax(x), "positive": x > 0, "mixed": ig.where(flag, x > 0, x < 0)}
    assert save(outputs, tmp_path / "m.onnx").difference == 0


def test_without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    x = ig.input("x", (3,))
    assert "not replayed, as onnxruntime is not installed" in str(save(x + 1, tmp_path / "m.onnx"))
    with pytest.raises(ExportError, match=r"pip install \"irgraph\[runtime\]\""):
        replay(to_model(x + 1))


def test_replay_names_wrong_feeds() -> None:
    run = replay(to_model(ig.input("x", (3,)) + 1))
    with pytest.raises(FeedError, match="feeds y; needed x"):
        run(y=[1.0, 2.0, 3.0])


def test_replay_of_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ExportError, match="a model that onnxruntime refuses"):
        replay(path)


def test_difference() -> None:
    nan, inf = float("nan"), float("inf")
    a = np.array([1.0, nan, inf, 100.0])
    assert difference(a, a) == 0
    assert difference(np.array([2.0, nan, inf, 100.0]), a) == 0.01
    assert difference(np.array([1.0, nan, 3.0, 100.0]), a) == inf
    assert difference(np.array([1.0, 2.0, inf, 100.0]), a) == inf
    assert difference(a.astype("float32"), a) == inf
    assert difference(np.array([True, False]), np.array([True, True])) == 1
