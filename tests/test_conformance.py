"""The conformance suite passes good executors and finds out bad ones; comparing names the first bad node."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import ExecutorError
from irgraph.ops.slicing import Pad
from irgraph.ops.trigonometric import Tanh
from irgraph.testing import Check, conformance, conformance_checks, dtypes_of
from irgraph.testing.contract import POINTS
from irgraph_array import KERNELS, Kernel
from irgraph_numpy import NumpyExecutor

ROOT = Path(__file__).parent.parent


def naive() -> Any:
    """The stranger's executor, as a stranger's tests would import it."""
    path = ROOT / "tests" / "executors" / "plugin" / "naive_executor.py"
    spec = importlib.util.spec_from_file_location("naive_for_conformance", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NaiveExecutor()


CHECKS = [each for e in (NumpyExecutor(), naive()) for each in conformance_checks(e) if "contract" in each.id]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.executor.name}-{check}")
def test_contract(check: Check) -> None:
    check()


@pytest.mark.parametrize("executor", [NumpyExecutor(), naive()], ids=lambda each: str(each.name))
def test_every_op_case(executor: Any) -> None:
    dtypes = ["float32", "float16", "bfloat16"] if executor.name == "numpy" else ["float32", "bfloat16"]
    report = conformance(executor, only="op:", dtypes=dtypes)
    report.assert_passed()
    skipped = report.ended("skipped")
    assert bool(skipped) == (executor.name == "naive")
    assert all(each.message.startswith("no kernels for ") for each in skipped)


def test_the_report_as_json(tmp_path: Path) -> None:
    report = conformance("numpy", only="no such check")
    assert not report.passed  # nothing was run
    report = conformance("numpy", only="happen_at_once")
    content = json.loads(report.to_json(tmp_path / "report.json"))
    assert content == json.loads((tmp_path / "report.json").read_text())
    assert content["executor"] == "numpy"
    assert content["counts"] == {"passed": 1}
    assert content["outcomes"][0]["id"] == "contract:updates_happen_at_once"


# -------------------------------------------------------------------------------- bad executors


class Spoiled(NumpyExecutor):
    """NumPy's, with something done around each step."""

    name = "spoiled"

    def prepare(self, plan: Any, state: Mapping[str, Any], check: bool = False) -> Any:
        prepared = super().prepare(plan, state, check)

        class Run:
            arena_nbytes = prepared.arena_nbytes

            def __call__(_, fed: Sequence[Any], out: Sequence[Any] | None = None) -> Any:
                return self.around(plan, prepared, state, fed, out)

        return Run()

    def around(self, plan: Any, prepared: Any, state: Any, fed: Any, out: Any) -> Any:
        return prepared(fed, out)


class Reuses(Spoiled):
    """Gives the same arrays at every call."""

    def around(self, plan: Any, prepared: Any, state: Any, fed: Any, out: Any) -> Any:
        results = prepared(fed, out)
        kept = vars(prepared).setdefault("kept", results)
        for target, source in zip(kept, results, strict=True):
            target[...] = source
        return kept if out is None else out


class Hasty(Spoiled):
    """Writes state before it knows that the step succeeds."""

    def around(self, plan: Any, prepared: Any, state: Any, fed: Any, out: Any) -> Any:
        try:
            return prepared(fed, out)
        except Exception:
            for array in state.values():
                array += 1
            raise


class Replaces(Spoiled):
    """Puts new arrays into the state."""

    def around(self, plan: Any, prepared: Any, state: Any, fed: Any, out: Any) -> Any:
        results = prepared(fed, out)
        for name in state:
            state[name] = state[name].copy()
        return results


class Drifts(Spoiled):
    """Computes something else at each call."""

    count = 0

    def around(self, plan: Any, prepared: Any, state: Any, fed: Any, out: Any) -> Any:
        self.count += 1
        return [each + np.asarray(self.count * 1e-6, each.dtype) for each in prepared(fed, out)]


class Aliases(NumpyExecutor):
    """Moves arrays without copying."""

    name = "aliases"

    def to_device(self, array: Any) -> Any:
        return np.asarray(array)


class Guesses(NumpyExecutor):
    """Claims a kernel for everything."""

    name = "guesses"

    def has_kernel(self, op: Any) -> bool:
        return True


BAD = {
    "outputs_are_fresh": Reuses(),
    "a_failing_step_leaves_the_state": Hasty(),
    "check_finds_what_is_not_finite": Hasty(),
    "state_is_updated_in_place": Replaces(),
    "two_runs_are_equal_to_the_last_bit": Drifts(),
    "arrays_move_by_copying": Aliases(),
    "missing_kernels_are_named_at_once": Guesses(),
}


@pytest.mark.parametrize("point", BAD)
def test_a_bad_executor_is_found_out(point: str) -> None:
    assert point in POINTS
    report = conformance(BAD[point], only=point)
    assert [each.status for each in report.outcomes] == ["failed"]
    with pytest.raises(AssertionError, match=f"FAILED contract:{point}: "):
        report.assert_passed()


def test_wrong_digits_and_unwritten_elements_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(context: Any, op: Any, inputs: Any, outputs: Any) -> Any:
        yield partial(np.tanh, inputs[0], outputs[0])
        yield partial(np.multiply, outputs[0], 1.0001, outputs[0])

    def unfilled(context: Any, op: Any, inputs: Any, outputs: Any) -> Any:
        return list(right(context, op, inputs, outputs))[1:]  # the first call fills

    right = KERNELS[Pad].bind
    monkeypatch.setitem(KERNELS, Tanh, Kernel(wrong))
    monkeypatch.setitem(KERNELS, Pad, Kernel(unfilled))
    report = conformance("numpy", only="op:tanh-matrix", dtypes=["float32", "float64"])
    assert len(report.ended("failed")) == len(report.outcomes) == 2
    assert "op:tanh-matrix-float32" in str(report)
    assert "at {'n': 4, 'm': 3}" in str(report)
    report = conformance("numpy", only="op:pad-")
    assert "nan" in str(report)
    assert len(report.ended("failed")) > len(report.outcomes) / 2


# ------------------------------------------------------------------------------------ comparing


def network() -> tuple[ig.Function, dict[str, Any]]:
    x, label = ig.input("x", ("n", 4)), ig.input("label", ("n",), "int64")
    w = ig.parameter("w", (4, 3), init=ig.init.glorot_uniform())
    hidden = ig.dropout(ig.tanh(x @ w), 0.5, name="drop")
    loss = ig.losses.softmax_cross_entropy(hidden, label)
    step = ig.compile(loss, updates=ig.optim.Adam().minimize(loss), seed=2)
    rng = np.random.default_rng(0)
    return step, {"x": rng.normal(size=(6, 4)), "label": rng.integers(0, 3, 6)}


def test_comparing_a_step_that_draws_and_updates() -> None:
    step, feeds = network()
    step(**feeds)
    before = {name: array.tobytes() for name, array in step.state.items()}
    found = ig.compare(step, ["numpy", NumpyExecutor(), NumpyExecutor()], **feeds)
    assert found.agree
    assert str(found).count("agree on all ") == 2
    assert {name: array.tobytes() for name, array in step.state.items()} == before


def test_comparing_names_the_first_node(monkeypatch: pytest.MonkeyPatch) -> None:
    step, feeds = network()

    class Other(NumpyExecutor):
        name = "other"

        def prepare(self, *arguments: Any) -> Any:
            def wrong(context: Any, op: Any, inputs: Any, outputs: Any) -> Any:
                yield partial(np.tanh, inputs[0], outputs[0])
                yield partial(outputs[0].__setitem__, (2, 1), 7.0)

            with monkeypatch.context() as patch:
                patch.setitem(KERNELS, Tanh, Kernel(wrong))
                return super().prepare(*arguments)

    found = ig.compare(step, ["numpy", Other()], **feeds)
    first = found.first("other")
    assert not found.agree
    assert first is not None
    assert (first.value.node.op.name, first.at, first.other) == ("tanh", (2, 1), 7.0)
    message = str(found)
    assert "numpy and other differ first in tanh(float32[n, 3])" in message
    assert f"{Path(__file__).name}:" in message
    assert "most at [2, 1]: " in message
    assert "7.0 on other" in message
    assert "operand 0 differs by 0: " in message
    wide = ig.compare(step, ["numpy", Other()], {"float32": 1e9}, **feeds)
    assert wide.first("other") is None


def test_comparing_finds_what_only_the_whole_program_does() -> None:
    class Fused(Spoiled):
        """Wrong only where intermediate values are not asked for."""

        def around(self, plan: Any, prepared: Any, state: Any, fed: Any, out: Any) -> Any:
            return [each + (len(plan.outputs) == 1) for each in prepared(fed, out)]

    x = ig.input("x", (2,))
    found = ig.compare(ig.exp(ig.tanh(x)), ["numpy", Fused()], x=[0.0, 1.0])
    assert not found.agree
    assert "agree node by node, but not in <a result of exp" in str(found)
    with pytest.raises(ExecutorError, match="found 1 executors to compare; needed at least two"):
        ig.compare(x * 2.0, ["numpy"], x=[0.0, 1.0])


# ------------------------------------------------------------------------------------- examples


@pytest.mark.parametrize(("name", "shown"), [("own_executor", "'careful': "), ("own_op", "True")])
def test_examples_run(name: str, shown: str, tmp_path: Path) -> None:
    script = ROOT / "examples" / f"{name}.py"
    run = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert shown in run.stdout
    assert " 0 failed" in run.stdout or name != "own_executor"


def test_ops_are_asked_which_dtypes_they_take() -> None:
    floats = ("float16", "bfloat16", "float32", "float64")
    signed, unsigned = (tuple(f"{kind}{8 * n}" for n in (1, 2, 4, 8)) for kind in ("int", "uint"))
    assert dtypes_of("floor") == floats
    assert dtypes_of("exp") == (*floats, "complex64", "complex128")
    assert dtypes_of("logical_and") == ("bool",)
    assert dtypes_of("negative") == (*signed, *floats, "complex64", "complex128")
    assert dtypes_of("complex") == ("float32", "float64")
    assert dtypes_of("check_index") == (*signed, *unsigned)
