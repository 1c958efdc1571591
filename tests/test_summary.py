"""Summaries and reports: the numbers against a count by hand, and every form that they print in."""

from __future__ import annotations

import io
from typing import Literal

import pytest
from rich.console import Console

import irgraph as ig
from irgraph.errors import FeedError
from irgraph.value import Value


def network() -> Value:
    x = ig.input("x", ("batch", 64))
    w, b = ig.parameter("hidden/w", (64, 32)), ig.parameter("hidden/b", (32,))
    return ig.relu(x @ w + b) @ ig.parameter("output/w", (32, 10))


def test_numbers_are_those_that_a_hand_counts() -> None:
    rows = ig.summary(network(), batch=8).rows
    found = [(row.name, row.ops, str(row.output), row.parameters) for row in rows]
    assert found == [
        ("hidden", ("matmul", "add", "relu"), "float32[batch, 32]", 64 * 32 + 32),
        ("output", ("matmul",), "float32[batch, 10]", 32 * 10),
    ]
    table = ig.summary(network(), batch=8).table
    hidden, output = table.rows
    assert hidden[2] == "float32[8, 32]"
    assert hidden[4] == f"{2 * 8 * 64 * 32 + 2 * 8 * 32:,}"  # a product and a sum each; one for + and relu
    reads_and_writes = (8 * 64 + 64 * 32 + 8 * 32) + (8 * 32 + 32 + 8 * 32) + 2 * (8 * 32)
    assert hidden[5] == f"{4 * reads_and_writes:,}"
    assert output[3:5] == ("320", f"{2 * 8 * 32 * 10:,}")
    assert table.totals[0][3] == f"{64 * 32 + 32 + 320:,}"


def test_totals_are_the_cost_of_the_graph_and_rows_add_up_to_them() -> None:
    loss = network().sum()
    graph = ig.Graph([loss], ig.optim.Adam(1e-3).minimize(loss))
    depths: tuple[Literal["all"] | int | None, ...] = (None, 1, "all")
    for depth in depths:
        found = ig.summary(graph, depth=depth)
        assert found.cost == graph.cost()
        assert sum((row.flops for row in found.rows), start=0) == graph.cost().flops
        assert sum(row.parameters for row in found.rows if row.kind == "forward") == found.parameters
    assert found.parameters == 64 * 32 + 32 + 320
    assert found.state == 2 * found.parameters + 2  # Adam's moments, the learning rate, the count of steps
    assert {row.kind for row in found.rows} == {"forward", "backward", "update"}


def test_without_sizes_the_numbers_are_formulas() -> None:
    table = ig.summary(network()).table
    assert table.rows[1][4] == "640*batch"
    assert table.rows[1][2] == "float32[batch, 10]"


def test_a_shared_parameter_counts_once() -> None:
    x, w = ig.input("x", (4, 4)), ig.parameter("w", (4, 4))
    found = ig.summary(x @ w @ w, depth="all")
    assert [row.parameters for row in found.rows] == [16, 0]
    assert found.parameters == 16


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(
        FeedError, match=r"found a size for 'bach'; needed one of the graph's named dims: batch"
    ):
        ig.summary(network(), bach=3)


def test_a_summary_prints_as_text_in_colour_and_as_html() -> None:
    found = ig.summary(network(), batch=8)
    text = str(found)
    assert text.splitlines()[0].split() == ["name", "ops", "output", "parameters", "flops", "bytes"]
    assert text.splitlines()[-1].startswith("total")
    stream = io.StringIO()
    Console(file=stream, width=120).print(found)
    assert "matmul, add, relu" in stream.getvalue()
    html = found._repr_html_()
    assert html.count("<tr>") == 4
    assert "<td" in html


def test_the_report_of_the_passes_prints_in_every_form() -> None:
    step = ig.compile(network().sum())
    report = step.report()
    assert str(report).splitlines()[0].split() == ["pass", "nodes"]
    assert f'<td style="text-align:left">{report.passes[0].name}</td>' in report._repr_html_()
    stream = io.StringIO()
    Console(file=stream, width=120).print(report)
    assert "collect" in stream.getvalue()
