"""Pictures: what the DOT text says, what is collapsed, and what happens without a layout program."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import networkx
import pytest

import irgraph as ig
from irgraph.errors import IrgraphError
from irgraph.extras import MissingExtra
from irgraph.value import Value
from irgraph.view import notebook, program
from irgraph.view.dot import COLOURS, to_dot
from irgraph.view.parts import kinds, layers
from irgraph.view.sketch import Box, Sketch, Wire
from irgraph.view.sketching import sketch


def network() -> tuple[Value, Value]:
    """Two hidden layers and an output layer: logits and loss."""
    x, y = ig.input("x", ("batch", 8)), ig.input("y", ("batch",), "int64")
    hidden = x
    for n in range(2):
        w, b = ig.parameter(f"hidden/{n}/w", (8, 8)), ig.parameter(f"hidden/{n}/b", (8,))
        hidden = ig.relu(hidden @ w + b)
    logits = (hidden @ ig.parameter("output/w", (8, 3)) + ig.parameter("output/b", (3,))).named("logits")
    return logits, ig.losses.softmax_cross_entropy(logits, y)


def step_graph() -> ig.Graph:
    _, loss = network()
    return ig.Graph({"loss": loss}, ig.optim.SGD(0.1, momentum=0.9).minimize(loss))


def deep(blocks: int) -> ig.Graph:
    """A training step of residual blocks with Adam: 1,409 nodes for six of them."""
    h = ig.input("x", ("batch", 16))
    for n in range(blocks):
        w = {key: ig.parameter(f"block/{n}/attn/{key}", (16, 16)) for key in "qkvo"}
        scores = ig.softmax((h @ w["q"]) @ ig.transpose(h @ w["k"]))
        h = h + scores @ (h @ w["v"]) @ w["o"]
        up, down = ig.parameter(f"block/{n}/ffn/up", (16, 64)), ig.parameter(f"block/{n}/ffn/down", (64, 16))
        h = h + ig.gelu(h @ up) @ down
    loss = (h * h).mean()
    return ig.Graph({"loss": loss}, ig.optim.Adam(1e-3).minimize(loss))


def edges(dot: str) -> set[tuple[str, str]]:
    """From where to where arrows point; those that the layout sees reversed are turned back."""
    found = set()
    for source, target, style in re.findall(r"^  (\w+) -> (\w+) \[(.*)\]$", dot, re.MULTILINE):
        found.add((target, source) if 'dir="back"' in style else (source, target))
    return found


# --------------------------------------------------------------------------------------- phases


def test_the_phase_of_a_node_is_known_wherever_it_was_made() -> None:
    graph = step_graph()
    kind = kinds(graph)
    loss, updates = graph.outputs[0], [new.node for _, new in graph.updates]
    forward = set(ig.Graph([loss]).nodes)
    assert {kind[node] for node in forward} == {"input", "parameter", "forward"}
    assert {kind[node] for node in updates} == {"update"}
    rest = {kind[node] for node in graph.nodes if node not in forward and node not in updates}
    assert rest == {"state", "constant", "backward", "update"}
    gradient = ig.grad(loss, list(ig.Graph([loss]).states.values()))
    assert {v.node.origin.phase for v in gradient} == {"backward"}
    assert all(v.node.origin.of is not None for v in gradient)


def test_phases_survive_the_compiler_and_the_text_form() -> None:
    _, loss = network()
    step = ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss))
    assert {"forward", "backward", "update"} <= set(kinds(step.program.graph).values())
    again = ig.parse(step.program.graph.__reduce__()[1][0])
    assert list(kinds(again).values()) == list(kinds(step.program.graph).values())


def test_tangents_and_own_updates_have_phases() -> None:
    x, t = ig.input("x", (3,)), ig.input("t", (3,))
    tangent = ig.jvp(ig.tanh(x), x, t)
    assert kinds(ig.Graph([tangent]))[tangent.node] == "tangent"
    count = ig.state("count")
    graph = ig.Graph({"y": x * 2.0}, [(count, count + 1.0)])
    assert kinds(graph)[graph.updates[0][1].node] == "update"
    assert kinds(graph)[graph.outputs[0].node] == "forward"


# --------------------------------------------------------------------------------------- layers


def test_every_node_of_a_layer_is_in_it_with_its_gradients_and_updates() -> None:
    graph = step_graph()
    layer, kind = layers(graph), kinds(graph)
    of = {
        path: [node.op.name for node in graph.nodes if layer[node] == path and kind[node] == "forward"]
        for path in (("hidden", "0"), ("hidden", "1"), ("output",), ())
    }
    assert of == {
        ("hidden", "0"): ["matmul", "add", "relu"],
        ("hidden", "1"): ["matmul", "add", "relu"],
        ("output",): ["matmul", "add"],
        (): ["softmax_cross_entropy", "mean"],
    }
    for variable, new in graph.updates:
        assert layer[new.node] == layer[variable.node] != ()
    backward = {path: sum(kind[n] == "backward" and layer[n] == path for n in graph.nodes) for path in of}
    assert backward[("hidden", "1")] > backward[("output",)] > 0
    assert backward[("hidden", "0")] > 0


def test_residual_sums_belong_to_their_block() -> None:
    graph = deep(3)
    layer, kind = layers(graph), kinds(graph)
    blocks = {layer[node][:2] for node in graph.nodes if kind[node] == "forward" and layer[node]}
    assert blocks == {("block", str(n)) for n in range(3)}


# ------------------------------------------------------------------------------------- DOT text


def test_arrows_are_those_of_the_graph() -> None:
    logits, _ = network()
    graph = ig.Graph({"logits": logits})
    dot = to_dot(sketch(graph, constants=True, parameters=True))
    number = {node: f"n{position}" for position, node in enumerate(graph.nodes)}
    wanted = {(number[v.node], number[node]) for node in graph.nodes for v in node.inputs}
    assert edges(dot) == wanted | {(number[logits.node], "o0")}


def test_arrows_of_a_step_are_those_of_the_graph_although_gradients_flow_up() -> None:
    graph = step_graph()
    dot = to_dot(sketch(graph, constants=True, parameters=True))
    number = {node: f"n{position}" for position, node in enumerate(graph.nodes)}
    wanted = {(number[v.node], number[node]) for node in graph.nodes for v in node.inputs}
    wanted.add((number[graph.outputs[0].node], "o0"))
    wanted |= {(number[new.node], f"u{n}") for n, (_, new) in enumerate(graph.updates)}
    assert edges(dot) == wanted
    assert 'dir="back"' in dot


def test_colours_clusters_shapes_and_legend() -> None:
    dot = ig.draw(step_graph(), title="a step").dot
    for kind in ("forward", "backward", "update", "input"):
        fill, line = COLOURS[kind]
        assert fill in dot
        assert line in dot
        assert f">{kind}</font>" in dot
    clusters = re.findall(r'subgraph "cluster_([^"]*)"', dot)
    assert clusters == ["hidden", "hidden.0", "hidden.1", "output"]
    assert "<b>a step</b>" in dot
    assert 'label=" batch×8 "' in dot
    assert 'label=" batch int64 "' in dot
    assert "w  8×8" in dot  # a parameter is a row of what reads it, without the path that the cluster tells
    assert dot.count("{") == dot.count("}")


def test_tooltips_have_the_users_line() -> None:
    logits, _ = network()
    dot = ig.draw(logits).dot
    line = logits.node.origin.line
    assert f'test_pictures.py:{line}\\nlogits = (hidden @ ig.parameter(\\"output/w\\"' in dot
    assert str(Path(__file__).parent) not in dot


def test_options_of_a_picture() -> None:
    x = ig.input("x", (3,))
    y = x * 2.0 + ig.constant([1.0, 2.0, 3.0]) @ ig.parameter("w", (3, 3))
    assert 'rankdir="LR"' in ig.draw(y, direction="right").dot
    plain = ig.draw(y, shapes=False, legend=False).dot
    assert "labeltooltip" not in plain
    assert "<table" not in plain.partition("n0")[0]
    assert sum(box.kind == "constant" for box in sketch(ig.Graph([y]), constants=True).boxes) == 2
    assert sum(box.kind == "parameter" for box in sketch(ig.Graph([y]), parameters=True).boxes) == 1
    assert {box.kind for box in sketch(ig.Graph([y])).boxes} == {"input", "forward"}
    assert ("2",) in [box.rows for box in sketch(ig.Graph([y])).boxes]


@pytest.mark.parametrize("what", ["constant", "state", "input"])
def test_outputs_that_are_sources_are_drawn(what: str) -> None:
    value = {"constant": ig.constant([1.0]), "state": ig.state("s", (2,)), "input": ig.input("x")}[what]
    graph = ig.Graph({"y": value}, [] if what != "state" else [(value, value)])
    boxes = {box.key for box in sketch(graph).boxes}
    assert {key for edge in edges(to_dot(sketch(graph))) for key in edge} <= boxes
    assert "o0" in boxes
    assert ig.draw(graph).svg.startswith("<svg")


def test_wrong_options_are_refused() -> None:
    x = ig.input("x")
    with pytest.raises(IrgraphError, match=r"found depth='deep'; needed a number.*\n  At .*test_pictures.py"):
        ig.draw(x, depth="deep")  # type: ignore[arg-type]
    with pytest.raises(IrgraphError, match="direction='up'"):
        ig.draw(x, direction="up")  # type: ignore[arg-type]
    with pytest.raises(IrgraphError, match="needed a graph value, a sequence or a dict"):
        ig.draw(3)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- collapse


def test_a_collapsed_step_is_a_box_for_each_layer_and_phase() -> None:
    whole = sketch(step_graph())
    flat = whole.collapsed(2)
    of_layers = sorted((box.title, box.kind) for box in flat.boxes if box.count > 1)
    layers_ = ("hidden.0", "hidden.1", "output")
    assert of_layers == sorted(
        (title, kind) for title in layers_ for kind in ("backward", "forward", "update")
    )
    assert sum(box.count for box in flat.boxes) == sum(box.count for box in whole.boxes)
    first = next(box for box in flat.boxes if box.title == "hidden.0" and box.kind == "forward")
    assert first.rows == ("matmul, add, relu", "72 parameters")
    key: dict[tuple[str, str], str] = {(box.title, box.kind): box.key for box in flat.boxes}
    for source, target in (
        (("hidden.0", "forward"), ("hidden.1", "forward")),
        (("hidden.1", "backward"), ("hidden.0", "backward")),
        (("hidden.0", "backward"), ("hidden.0", "update")),
    ):
        assert (key[source], key[target]) in edges(to_dot(flat))
    everything = whole.collapsed(0)
    assert sorted(box.kind for box in everything.boxes if box.count > 1) == ["backward", "forward", "update"]


def test_collapsing_keeps_paths() -> None:
    """What reaches what stays, and boxes that were not connected before are only so through their groups."""
    whole = sketch(step_graph())
    flat = whole.collapsed(2)
    a = networkx.DiGraph([(w.source, w.target) for w in whole.wires])
    b = networkx.DiGraph([(w.source, w.target) for w in flat.wires])
    ends = [box.key for box in whole.boxes if box.key in ("o0",) or box.kind == "input"]
    for source in ends:
        for target in ends:
            if source != target:
                assert networkx.has_path(a, source, target) <= networkx.has_path(b, source, target)


def test_a_big_graph_collapses_by_itself() -> None:
    graph = deep(6)
    assert len(graph.nodes) > 1000
    dot = ig.draw(graph).dot
    assert dot.count("group=") < 60
    assert len(re.findall(r"<b>(block\.\d\.(?:attn|ffn))</b>", dot)) == 6 * 2 * 3


def test_a_big_graph_without_layers_collapses_by_line() -> None:
    h = ig.input("x", (4, 4))
    for n in range(60):
        h = ig.tanh(h @ ig.parameter(f"w{n}", (4, 4)))
        h = h * 2.0
    loss = h.sum()
    dot = ig.draw(ig.Graph({"loss": loss}, ig.optim.SGD(0.1).minimize(loss))).dot
    assert dot.count("group=") < 12
    lines = {int(line) for line in re.findall(r"<b>test_pictures.py:(\d+)</b>", dot)}
    assert {loss.node.origin.line - 1, loss.node.origin.line - 2} <= lines


def test_circles_of_boxes_are_cut_before_the_layout() -> None:
    boxes = [Box(key, "forward", key) for key in "abc"]
    dot = to_dot(Sketch(boxes, [Wire("a", "b"), Wire("b", "c"), Wire("c", "a")]))
    drawn = re.findall(r"^  (\w) -> (\w)", dot, re.MULTILINE)
    assert networkx.is_directed_acyclic_graph(networkx.DiGraph(drawn))
    assert edges(dot) == {("a", "b"), ("b", "c"), ("c", "a")}


# -------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize("suffix", ["svg", "png", "dot", "gv"])
def test_files(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    picture = ig.draw(step_graph(), path)
    content = path.read_bytes()
    if suffix == "png":
        assert content.startswith(b"\x89PNG")
    elif suffix == "svg":
        assert content.startswith(b"<svg")
        assert b"logits" in content
    else:
        assert content.decode() == picture.dot


def test_an_svg_has_readable_tooltips_and_no_keys() -> None:
    logits, _ = network()
    svg = ig.draw(logits).svg
    titles = re.findall(r"<title>([^<]*)</title>", svg)
    assert any(title.startswith("test_pictures.py:") for title in titles)
    assert not any(re.fullmatch(r"[nou]\d+", title) for title in titles)
    assert "xlink:title" not in re.sub(r'<g id="a_(?:edge|graph)[^>]*><a[^>]*>', "", svg)


def test_unknown_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IrgraphError, match=r"found the suffix '.bmp' of a.bmp; needed one of .svg"):
        ig.draw(ig.input("x"), tmp_path / "a.bmp")


def test_without_a_layout_program_the_message_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    picture = ig.draw(ig.input("x") * 2.0)
    assert picture.dot.startswith("digraph")
    with pytest.raises(MissingExtra) as raised:
        _ = picture.svg
    for line in ('pip install "irgraph[view]"', "apt install graphviz", "brew install graphviz"):
        assert f"\n  {line}" in str(raised.value).replace("Debian, Ubuntu: ", "").replace("macOS: ", "")
    assert picture._repr_svg_() is None


def test_a_layout_program_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = tmp_path / "dot"
    failing.write_text("#!/bin/sh\necho no fonts here >&2\nexit 3\n")
    failing.chmod(0o755)
    monkeypatch.setattr(program, "find_program", lambda format: str(failing))
    with pytest.raises(IrgraphError, match="no fonts here"):
        _ = ig.draw(ig.input("x")).svg
    failing.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(IrgraphError, match=r"for more than 0.1 s; needed a smaller one"):
        program.to_svg("digraph {}", seconds=0.1)
    monkeypatch.setattr(program, "find_program", lambda format: str(tmp_path / "none"))
    with pytest.raises(IrgraphError, match="does not run"):
        _ = ig.draw(ig.input("x")).svg


# ------------------------------------------------------------------------------------ notebooks


def test_notebooks_show_pictures_or_tables_and_never_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, _ = network()
    graph, function = ig.Graph({"logits": logits}), ig.compile(logits)
    for shown in (graph, function):
        assert (shown._repr_svg_() or "").startswith("<svg")
        assert "<svg" in shown._repr_html_()
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    for shown in (graph, function):
        assert shown._repr_svg_() is None
        assert "<table>" in shown._repr_html_()
        assert "hidden.0" in shown._repr_html_()

    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(notebook, "summary", fails)
    assert graph._repr_html_().startswith("<pre>graph {")


# ------------------------------------------------------------------------------------- networkx


def test_a_network_is_the_graph() -> None:
    graph = step_graph()
    made = ig.to_networkx(graph)
    assert networkx.is_directed_acyclic_graph(made)
    assert made.number_of_nodes() == len(graph.nodes)
    number = {node: position for position, node in enumerate(graph.nodes)}
    assert [made.nodes[n]["op"] for n in made] == [node.op.name for node in graph.nodes]
    assert [made.nodes[n]["types"] for n in made] == [
        ", ".join(str(v.type) for v in n_.outputs) for n_ in graph.nodes
    ]
    wanted = [
        (number[v.node], number[node], position, v.index)
        for node in graph.nodes
        for position, v in enumerate(node.inputs)
    ]
    found = [(a, b, data["position"], data["index"]) for a, b, data in made.edges(data=True)]
    assert sorted(found) == sorted(wanted)
    loss = number[graph.outputs[0].node]
    assert networkx.ancestors(made, loss) == {number[n] for n in ig.Graph(graph.outputs).nodes} - {loss}
    assert "\n".join(networkx.generate_graphml(made)).startswith("<graphml")


def test_without_networkx_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "networkx", None)
    with pytest.raises(MissingExtra, match=r"irgraph\[view\]"):
        ig.to_networkx(ig.input("x"))
