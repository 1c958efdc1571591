"""Taps: when they are called, with what, and what happens when they fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import GraphError, IrgraphError


def test_taps_are_called_in_the_order_of_the_graph_once_a_step() -> None:
    x = ig.input("x", ("n",))
    seen: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        return lambda array: seen.append((name, array.tolist()))

    first = ig.tap(x * 2.0, note("first"))
    second = ig.tap(first + 1.0, note("second"))
    f = ig.compile([second.sum(), first.sum()])
    f(x=[1.0, 2.0])
    assert seen == [("first", [2.0, 4.0]), ("second", [3.0, 5.0])]
    f(x=[3.0])
    assert seen[2:] == [("first", [6.0]), ("second", [7.0])]


def test_equal_taps_are_not_merged_and_unreached_ones_are_not_called() -> None:
    x = ig.input("x", ())
    seen: list[float] = []
    hear = seen.append
    a, b = ig.tap(x, hear), ig.tap(x, hear)  # type: ignore[arg-type]
    ig.tap(x, hear)  # type: ignore[arg-type]
    f = ig.compile(a + b)
    assert f(x=1.0) == 2.0
    assert len(seen) == 2


def test_a_tap_of_a_constant_is_called_at_each_step() -> None:
    seen: list[Any] = []
    f = ig.compile(ig.tap(ig.constant([1.0, 2.0]) * 2.0, seen.append) + ig.input("x"))
    f(x=1.0)
    f(x=2.0)
    assert [array.tolist() for array in seen] == [[2.0, 4.0]] * 2


def test_what_a_tap_gets_is_its_own() -> None:
    x = ig.input("x", (3,))
    seen: list[Any] = []

    def spoil(array: Any) -> None:
        seen.append(array.copy())
        array[...] = 99.0

    f = ig.compile(ig.tap(x + 1.0, spoil) * 2.0)
    np.testing.assert_array_equal(f(x=[0.0, 1.0, 2.0]), [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(seen[0], [1.0, 2.0, 3.0])


def test_gradients_pass_and_are_tapped() -> None:
    x = ig.input("x", (3,))
    seen: list[Any] = []
    y = ig.tap(x * x, lambda array: seen.append(("y", array)))
    gradient = ig.tap(ig.grad(y.sum(), x), lambda array: seen.append(("dx", array)))
    np.testing.assert_array_equal(ig.evaluate(gradient, x=[1.0, 2.0, 3.0]), [2.0, 4.0, 6.0])
    assert [name for name, _ in seen] == ["dx"]  # no gradient reads y itself
    second = ig.grad(gradient.sum(), x)
    np.testing.assert_array_equal(ig.evaluate([y, second], x=[1.0, 2.0, 3.0])[1], [2.0, 2.0, 2.0])
    assert [name for name, _ in seen] == ["dx", "y"]


def test_a_tap_that_raises_leaves_the_state_and_names_its_line() -> None:
    w = ig.parameter("w", (2,), init=np.array([1.0, 2.0]))
    failing = True

    def refuse(array: Any) -> None:
        if failing:
            raise ValueError("too large")

    loss = (w * w).sum()
    ((variable, new),) = ((v, n) for v, n in ig.optim.SGD(0.1).minimize(loss) if v is w)
    step = ig.compile(loss, updates=[(variable, ig.tap(new, refuse, label="new_w"))])
    with pytest.raises(ValueError, match="too large") as raised:
        step()
    notes = "\n".join(raised.value.__notes__)
    assert "in new_w at" in notes
    assert "test_taps.py" in notes
    assert "The state is as before the call." in notes
    np.testing.assert_array_equal(step.state["w"], [1.0, 2.0])
    failing = False
    step()
    np.testing.assert_allclose(step.state["w"], [0.8, 1.6], rtol=1e-6)


def test_errors_of_irgraph_from_a_tap_have_the_note_too() -> None:
    def fail(array: Any) -> None:
        raise IrgraphError("no")

    with pytest.raises(IrgraphError) as raised:
        ig.evaluate(ig.tap(ig.input("x"), fail), x=1.0)
    assert "test_taps.py" in "\n".join(raised.value.__notes__)


def test_printing(capsys: pytest.CaptureFixture[str]) -> None:
    x = ig.input("x", ("n",))
    f = ig.compile([ig.print_value(x), ig.print_value((x * 2.0).named("twice")), ig.print_value(x + 1.0)])
    f(x=[1.0])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["x : float32[1] [1.]", "twice : float32[1] [2.]"]
    assert lines[2].startswith("add at test_taps.py:")
    assert lines[2].endswith(": float32[1] [2.]")
    f(x=np.zeros(1000))
    assert len(capsys.readouterr().out) < 300


def test_taps_in_onnx_are_identities_with_the_name() -> None:
    x = ig.input("x", ("n",))
    model = ig.onnx.to_model({"y": ig.print_value(x * 2.0, "double") + 1.0})
    node = next(node for node in model.graph.node if node.op_type == "Identity")
    assert list(node.output) == ["double"]


def test_a_printer_has_text_and_another_callback_says_that_it_has_none() -> None:
    x = ig.input("x", ("n",))
    graph = ig.Graph({"y": ig.print_value(x, "here")})
    assert ig.parse(graph.__reduce__()[1][0]).structure() == graph.structure()
    with pytest.raises(GraphError, match="builtin_function"):
        ig.Graph({"y": ig.tap(x, list[object]().append)}).__reduce__()
