"""The pipeline: rewrites keep values, the commit is as if all updates happened at once, passes report."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy import special

import irgraph as ig
from irgraph.compiler.fold import LARGEST
from irgraph.compiler.rules import RULES
from irgraph.errors import ExecutorError
from irgraph.local_jacobian import Grid, NotDifferentiable
from irgraph.op import Op
from irgraph.ops.arithmetic import Negative
from irgraph.ops.constants import Constant
from irgraph.types import TensorType
from irgraph.value import Value

Array = np.ndarray[Any, Any]
EXTREME = np.array([[-1e4, -50.0, -1.0], [0.0, 1e-3, 2.0], [30.0, 1e3, 1e4]])


def names(f: ig.Function) -> list[str]:
    """The op names of a compiled graph, sources left out."""
    return [node.op.name for node in f.program.graph.nodes if not node.op.source]


def applied(f: ig.Function) -> set[str]:
    """What the rewrite passes did."""
    return {name for each in f.report().passes for name in each.applied}


def compile_of_x(build: Callable[[Value], Value], shape: Any = (3, 3), dtype: str = "float64") -> ig.Function:
    return ig.compile(build(ig.input("x", shape, dtype)), verify=True)


# ------------------------------------------------------------------------------------- rewrites

RULE_CASES: dict[str, tuple[Callable[[Value], Value], Callable[[Array], Array]]] = {
    "log softmax": (lambda x: ig.log(ig.softmax(x, 1)), lambda x: special.log_softmax(x, 1)),
    "exp log_softmax": (lambda x: ig.exp(ig.log_softmax(x, 0)), lambda x: special.softmax(x, 0)),
    "log sigmoid": (lambda x: ig.log(ig.sigmoid(x)), special.log_expit),
    "1 - sigmoid": (lambda x: 1 - ig.sigmoid(x), lambda x: special.expit(-x)),
    "--x": (lambda x: ig.sin(-Negative()(x)), np.sin),
    "x + -y": (lambda x: x + -ig.sin(x), lambda x: x - np.sin(x)),
    "x - -y": (lambda x: x - -ig.sin(x), lambda x: x + np.sin(x)),
    "x * (1/y)": (lambda x: x * (1 / (x * x + 1.0)), lambda x: x / (x * x + 1)),
}


def test_every_rule_has_a_case() -> None:
    assert {rule.name for rule in RULES._rules} == RULE_CASES.keys()


@pytest.mark.parametrize("rule", RULE_CASES)
def test_rules_fire_and_keep_values(rule: str) -> None:
    build, oracle = RULE_CASES[rule]
    f = compile_of_x(build)
    assert rule in applied(f)
    result = f(x=EXTREME)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, oracle(EXTREME), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rule", RULE_CASES)
def test_gradients_through_rules(rule: str) -> None:
    build, oracle = RULE_CASES[rule]
    x = ig.input("x", (3, 3), "float64")
    f = ig.compile(ig.grad(build(x).sum(), x), verify=True)
    at, step = np.linspace(-2, 2, 9).reshape(3, 3), 1e-5
    expected = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        move = np.zeros_like(at)
        move[index] = step
        expected[index] = (oracle(at + move).sum() - oracle(at - move).sum()) / (2 * step)
    np.testing.assert_allclose(f(x=at), expected, atol=1e-8)


def test_float32_logarithms_stay_finite() -> None:
    x = EXTREME.astype("float32")
    for build in (lambda x: ig.log(ig.softmax(x, 1)), lambda x: ig.log(ig.sigmoid(x))):
        assert np.isfinite(compile_of_x(build, dtype="float32")(x=x)).all()


def test_rules_leave_shared_work_alone() -> None:
    x = ig.input("x", (3, 3), "float64")
    s = ig.sigmoid(x)
    f = ig.compile([1 - s, s * 2.0], verify=True)
    assert "1 - sigmoid" not in applied(f)
    np.testing.assert_allclose(f(x=EXTREME)[0], special.expit(-EXTREME), atol=1e-15)


UNITS: dict[str, Callable[[Value], Value]] = {
    "x + 0": lambda x: x + 0.0,
    "0 + x": lambda x: 0.0 + x,
    "x - 0": lambda x: x - 0.0,
    "x * 1": lambda x: x * 1.0,
    "1 * x": lambda x: 1.0 * x,
    "x / 1": lambda x: x / 1.0,
    "x * ones": lambda x: x * ig.ones((3, 3), "float64"),
    "x + row of zeros": lambda x: x + ig.zeros((3,), "float64"),
    "x.T.T": lambda x: x.T.T,
    "reshape there and back": lambda x: x.reshape(9).reshape(3, 3),
    "cast to its own dtype": lambda x: ig.cast(x, "float64"),
}


@pytest.mark.parametrize("case", UNITS)
def test_units_disappear(case: str) -> None:
    f = compile_of_x(UNITS[case])
    assert names(f) == []
    np.testing.assert_array_equal(f(x=EXTREME), EXTREME)


NOT_UNITS: dict[str, tuple[Callable[[Value], Value], Callable[[Array], Array]]] = {
    "0 - x": (lambda x: 0.0 - x, lambda x: 0 - x),
    "1 / x": (lambda x: 1.0 / (x + 0.5), lambda x: 1 / (x + 0.5)),
    "adds an axis": (lambda x: x + ig.zeros((2, 1, 1), "float64"), lambda x: x + np.zeros((2, 1, 1))),
    "repeats an axis": (
        lambda x: x[:, :1] * ig.ones((3, 4), "float64"),
        lambda x: x[:, :1] * np.ones((3, 4)),
    ),
}


@pytest.mark.parametrize("case", NOT_UNITS)
def test_what_only_looks_like_a_unit_stays(case: str) -> None:
    build, oracle = NOT_UNITS[case]
    result = compile_of_x(build)(x=EXTREME)
    np.testing.assert_array_equal(result, oracle(EXTREME))


# ---------------------------------------------------------------------------------- fold, dedupe


def test_constant_parts_are_folded() -> None:
    table = ig.exp(ig.constant(np.arange(6.0))) * 2.0 + ig.arange(6).astype("float64")
    f = ig.compile(ig.input("x", (6,), "float64") + table, verify=True)
    assert names(f) == ["constant", "add"]
    np.testing.assert_allclose(f(x=np.zeros(6)), np.exp(np.arange(6.0)) * 2 + np.arange(6))


def test_large_constants_are_not_folded() -> None:
    table = ig.exp(ig.arange(LARGEST + 1).astype("float32") * -1.0)
    f = ig.compile(table, verify=True)
    assert "constant" not in names(f)
    np.testing.assert_allclose(f(), np.exp(-np.arange(LARGEST + 1, dtype="float32")), rtol=1e-6)
    small = ig.compile(ig.exp(ig.arange(LARGEST).astype("float32") * -1.0))
    assert names(small) == ["constant"]
    np.testing.assert_allclose(small(), f()[:-1], rtol=1e-6)


def test_constants_of_named_size_are_made_at_bind_time() -> None:
    f = ig.compile(ig.input("x", ("n",)) + ig.arange("n").astype("float32"), verify=True)
    for n in (4, 2):
        np.testing.assert_array_equal(f(x=np.ones(n)), np.arange(n) + 1)


def test_folding_keeps_origins() -> None:
    table = ig.exp(ig.constant([1.0, 2.0]))
    f = ig.compile(table + ig.input("x", (2,)))
    (folded,) = [node for node in f.program.graph.nodes if isinstance(node.op, Constant)]
    assert folded.origin == table.node.origin


def test_equal_nodes_become_one() -> None:
    x, y = ig.input("x", ("n",)), ig.input("y", ("n",))
    f = ig.compile([ig.exp(x + y) * 2.0, ig.exp(y + x) * 2.0, ig.exp(x - y), ig.exp(y - x)], verify=True)
    assert sorted(names(f)) == sorted(["add", "exp", "full", "multiply", *["subtract", "exp"] * 2])
    a, b, c, d = f(x=[1.0], y=[2.0])
    assert a == b
    assert c != d


def test_random_numbers_of_two_names_stay_two() -> None:
    a, b = (ig.random_uniform((100,), name=name) for name in "ab")
    same = ig.random_uniform((100,), name="same")
    first, second, third, fourth = ig.compile([a, b, same + 0.0, same * 1.0], verify=True)()
    assert (first != second).all()
    np.testing.assert_array_equal(third, fourth)


def test_noise_is_drawn_anew_at_each_step() -> None:
    f = ig.compile(ig.random_uniform((100,), name="noise"))
    assert (f() != f()).all()


# -------------------------------------------------------------------------------------- updates


def test_updates_that_travel_are_collected() -> None:
    x = ig.input("x", ("n",))
    total, calls = ig.state("total"), ig.state("calls", dtype="int64")
    seen = ig.with_update(x * 2.0, {total: total + x.sum(), calls: calls + 1})
    loss = (seen * seen).sum()
    f = ig.compile([loss, ig.grad(loss, x)], verify=True)
    value, slope = f(x=[1.0, 2.0])
    assert value == 20
    np.testing.assert_array_equal(slope, [8.0, 16.0])
    f(x=[1.0, 1.0])
    assert f.state["total"] == 5.0
    assert f.state["calls"] == 2
    assert "with_update" not in names(f)


def test_what_no_output_reaches_is_not_updated() -> None:
    x, calls = ig.input("x"), ig.state("calls", dtype="int64")
    ig.with_update(x, {calls: calls + 1})
    assert list(ig.compile(x).state) == []


System = Callable[[Any, Any, Any, Any], dict[str, Any]]


def _decay(x: Any, a: Any, b: Any, c: Any) -> dict[str, Any]:
    velocity = b * 0.9 + (x + a * 0.01)
    weight = a - velocity * 0.1
    return {"b": velocity, "a": weight, "c": c * 0.9 + weight * 0.1}


def _average_of_old(x: Any, a: Any, b: Any, c: Any) -> dict[str, Any]:
    return {"a": a - x * 0.1, "b": b * 0.9 + a * 0.1, "c": c + a * b}


def _one_value_for_all(x: Any, a: Any, b: Any, c: Any) -> dict[str, Any]:
    new = a + b * x
    return {"a": new, "b": new, "c": new.T}


# Each is written once and means the same on NumPy arrays, where all reads come before all writes.
SYSTEMS: dict[str, System] = {
    "swap": lambda x, a, b, c: {"a": b, "b": a},
    "rotate": lambda x, a, b, c: {"a": b, "b": c, "c": a},
    "transposed swap": lambda x, a, b, c: {"a": b.T, "b": a.T},
    "by its own transpose": lambda x, a, b, c: {"a": a.T},
    "plus its own transpose": lambda x, a, b, c: {"a": a + a.T, "b": b + a},
    "by itself": lambda x, a, b, c: {"a": a, "b": a + b},
    "by a view of another": lambda x, a, b, c: {"a": b[::-1], "b": b + c, "c": a[:, ::-1]},
    "minus its own row": lambda x, a, b, c: {"a": a - a[0], "b": b - a[:1] * a[1:2]},
    "minus its own mean": lambda x, a, b, c: {"a": a - a.mean(axis=0, keepdims=True), "b": a * 2.0},
    "by a feed": lambda x, a, b, c: {"a": x, "b": x, "c": x.T},
    "read one another": lambda x, a, b, c: {"a": a + b, "b": a - b, "c": a * b * c},
    "each by the next": lambda x, a, b, c: {"a": b + x, "b": c + x, "c": a + x},
    "view read by both phases": lambda x, a, b, c: {"a": a * 0.5, "b": b + a.T, "c": c + x @ a.T},
    "view of a view": lambda x, a, b, c: {"a": a * 0.5, "b": b + a.T[1:].T[0, :1], "c": a.T[::-1] * c},
    "matrix products": lambda x, a, b, c: {"a": a @ b, "b": b @ a, "c": a @ c + a},
    "average of new": _decay,
    "average of old": _average_of_old,
    "one value for all": _one_value_for_all,
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_updates_happen_all_at_once(name: str) -> None:
    system = SYSTEMS[name]
    rng = np.random.default_rng(5)
    start = {key: rng.normal(size=(3, 3)) for key in "abc"}
    feeds = rng.normal(size=(3, 3, 3))
    x = ig.input("x", (3, 3), "float64")
    variables = {key: ig.state(key, (3, 3), "float64", init=array) for key, array in start.items()}
    updates = [(variables[key], new) for key, new in system(x, *variables.values()).items()]
    outputs = [*variables.values(), x @ variables["a"].T]
    for check in (False, True):
        for order in permutations(updates):
            f = ig.compile(outputs, updates=order, verify=True, check=check)
            now = start
            for fed in feeds:
                old = f(x=fed)
                for key, result in zip("abc", old[:3], strict=True):
                    np.testing.assert_allclose(result, now[key], rtol=1e-12, atol=1e-12)
                np.testing.assert_allclose(old[3], fed @ now["a"].T, rtol=1e-10)
                now = now | {key: np.array(new) for key, new in system(fed, *now.values()).items()}
                for key, array in now.items():
                    np.testing.assert_allclose(f.state[key], array, rtol=1e-12, atol=1e-12)


def test_plain_updates_need_no_copies() -> None:
    """Momentum and Adam write straight into the state."""
    x = ig.input("x", ("n", 3))
    for optimizer in (ig.optim.SGD(0.1, momentum=0.9, nesterov=True), ig.optim.Adam()):
        loss = ig.losses.squared_error(x @ ig.parameter("w", (3, 2)), ig.input("y", ("n", 2)))
        f = ig.compile(loss, updates=optimizer.minimize(loss))
        assert f.program.schedule.copies == ()


# ------------------------------------------------------------------------------- report, kernels


def test_report_names_what_passes_changed() -> None:
    x = ig.input("x", ("n", 4))
    f = ig.compile([ig.log(ig.softmax(x)) + 0.0, ig.exp(x) * 2.0, ig.exp(x) * 2.0])
    passes = {each.name: each for each in f.report().passes}
    assert list(passes) == ["collect", "rewrite", "expand", "fold", "dedupe", "isolate", "fuse"]
    text = str(f.report())
    assert "log softmax x1" in text
    assert "unit of add x1" in text
    assert passes["dedupe"].after < passes["dedupe"].before == passes["fold"].after
    assert passes["expand"].before < passes["expand"].after
    assert passes["fuse"].after == len(f.program.graph.nodes)


class Nowhere(Op):
    """An op that no executor has a kernel for."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return inputs

    def local_jacobians(self, inputs: Any, outputs: Any) -> Grid:
        return [[NotDifferentiable("a test")]]


class Here(Nowhere):
    name = "test_compiler_here"

    def attributes(self) -> dict[str, Any]:
        return {}


class There(Nowhere):
    name = "test_compiler_there"

    def attributes(self) -> dict[str, Any]:
        return {}


def test_all_missing_kernels_are_named_at_once() -> None:
    x = ig.input("x")
    with pytest.raises(ExecutorError) as caught:
        ig.compile([There()(x), Here()(x) + There()(x)])
    says = str(caught.value)
    assert "no kernels for test_compiler_here, test_compiler_there in executor 'numpy'" in says
    assert f"{__file__}:" in says
    assert "give the op an expand()" in says
