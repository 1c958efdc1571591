"""Learning rates: plateaus against torch, the search and the curve, resuming, options that are refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import optim
from irgraph.errors import DTypeError, FeedError, GraphError, IrgraphError, NumericalError
from tests.marked_lines import must_say

REFERENCE = json.loads((Path(__file__).parent / "data" / "optimizers" / "reference.json").read_text())


def quadratic(optimizer: optim.Optimizer, curvature: float = 30.0, **options: Any) -> ig.Function:
    """c · w² from w = 1: gradient descent diverges at a rate of 1 / c and above."""
    w = ig.parameter("w", (), "float64", init=1.0)
    loss = curvature * w * w
    return ig.compile({"loss": loss, "w": w}, updates=optimizer.minimize(loss), **options)


# ------------------------------------------------------------------------------------------ plateau


@pytest.mark.parametrize("case", REFERENCE["plateaus"], ids=lambda case: str(case["options"]))
def test_plateaus_are_those_of_torch(case: dict[str, Any]) -> None:
    """Also where each metric is counted by an object that went on from the last one's state."""
    options = dict(case["options"])
    options["minimum"] = options.pop("min_lr", 0.0)
    optimizer = optim.SGD(1.0)
    step, plateau = quadratic(optimizer), optim.ReduceLROnPlateau(**options)
    saved, rate = plateau.state(), 1.0
    for metric, expected in zip(case["metrics"], case["rates"], strict=True):
        metric = math.nan if metric is None else metric
        later = optim.ReduceLROnPlateau(**options)
        later.load(json.loads(json.dumps(saved, allow_nan=False)))
        factor, reduced = later.update(metric), plateau.apply(step.state, optimizer.rates, metric)
        assert reduced == (factor < 1)
        assert step.state["learning_rate"] == pytest.approx(expected, rel=1e-12)
        assert expected <= rate
        saved, rate = later.state(), expected
        assert saved == plateau.state()


def test_a_plateau_lowers_every_rate_of_an_optimizer() -> None:
    both = optim.groups(
        {"w": optim.SGD(optim.constant(0.1), name="a"), "v": optim.accumulate(optim.Adam(0.1), 2)}
    )
    w, v = ig.parameter("w"), ig.parameter("v")
    step = ig.compile(w + v, updates=both.minimize(w + v))
    plateau = optim.ReduceLROnPlateau(0.5, patience=0, minimum=0.08)
    assert both.rates == ("a/learning_rate/scale", "learning_rate")
    assert not plateau.apply(step.state, both.rates, 1.0)
    assert plateau.apply(step.state, both.rates, 1.0)
    np.testing.assert_allclose([step.state[name] for name in both.rates], [0.5, 0.08], rtol=1e-6)
    counted = plateau.state()
    with pytest.raises(GraphError, match="no state variable 'rate'"):
        plateau.apply(step.state, ["rate"], 1.0)
    assert plateau.state() == counted


# ----------------------------------------------------------------------------------------- schedules


def test_a_factor_scales_a_schedule() -> None:
    w = ig.parameter("w", (), "float64")
    step = ig.compile(w, updates=optim.SGD(optim.staircase(1.0, every=1, factor=0.5)).minimize(w))
    assert float(step()) - float(step.state["w"]) == 1.0
    step.state["learning_rate/scale"] = 0.1
    assert float(step()) - float(step.state["w"]) == pytest.approx(0.05)
    assert step.state["learning_rate"] == pytest.approx(0.05)


def test_schedules_are_compared_by_value() -> None:
    one, two = (optim.warmup(3, optim.cosine(0.1, steps)) for steps in (10, 10))
    assert one == two
    assert hash(one) == hash(two)
    assert one != optim.warmup(3, optim.cosine(0.1, 11))
    assert optim.piecewise({0: 0.1}) == optim.piecewise({0: optim.constant(0.1)})


def test_optimizers_and_schedules_tell_their_options() -> None:
    inner = optim.SGD(optim.cosine(0.1, 9), clip=optim.clip_by_norm(1.0), name="a")
    assert repr(optim.accumulate(inner, 2)) == (
        "Accumulated(name='a', optimizer=SGD(name='a', learning_rate=Cosine(rate=0.1, steps=9, end=0.0, "
        "restarts=False), weight_decay=0.0, clip=ByNorm(limit=1.0), momentum=0.0, nesterov=False), steps=2)"
    )


def test_schedules_end_and_stay() -> None:
    """Beyond the last step torch has no numbers, or others; here the last rate stays."""
    for schedule in (
        optim.cosine(0.5, 9, end=0.1),
        optim.polynomial(0.5, 9, 0.1),
        optim.one_cycle(1.0, 10, end=0.1),
    ):
        np.testing.assert_allclose(schedule.at([9, 10, 1000, 10**12]), 0.1, rtol=1e-14)


def test_a_run_resumes_from_its_state_bit_for_bit() -> None:
    """The step counter, the means and the rate: all is state."""

    def make() -> ig.Function:
        falling = optim.warmup(3, optim.cosine(0.1, 9))
        return quadratic(optim.accumulate(optim.Nadam(falling, clip=optim.clip_by_norm(1.0)), 2))

    whole, first = make(), make()
    for _ in range(15):
        whole()
    for _ in range(7):
        first()
    second = make()
    second.state.update({name: first.state[name] for name in first.state})
    for _ in range(8):
        second()
    assert {name: whole.state[name].tobytes() for name in whole.state} == {
        name: second.state[name].tobytes() for name in second.state
    }


# --------------------------------------------------------------------------------------- the search


def test_the_search_divides_by_ten_until_it_does_not_diverge() -> None:
    """Losses by the formula: w ← (1 - 60 · rate) w."""
    step = quadratic(optim.SGD(0.25))
    before = {name: step.state[name] for name in step.state}
    found = optim.find_learning_rate(step, {}, steps=8)
    assert found.rate == pytest.approx(0.01)
    assert [trial.diverged for trial in found.tried] == [True, True, False]
    for trial in found.tried:
        expected = [30.0 * (1 - 60 * trial.rate) ** (2 * n) for n in range(8)]
        np.testing.assert_allclose(trial.losses, expected, rtol=1e-9)
    assert {name: step.state[name] for name in step.state} == before


@pytest.mark.parametrize("check", [False, True])
def test_a_loss_that_is_not_finite_ends_a_trial(check: bool) -> None:
    step = quadratic(optim.SGD(0.25), curvature=1e30, check=check)
    found = optim.find_learning_rate(step, {}, start=1e10, steps=100, smallest=1e-40, divide=1e10)
    assert found.rate == pytest.approx(1e-40, rel=1e-6)
    assert len(found.tried[0].losses) < 10
    assert not math.isfinite(found.tried[0].losses[-1])
    assert step.state["w"] == 1.0


def test_feeds_may_depend_on_the_step_and_random_streams_start_again() -> None:
    w, x = ig.parameter("w", (4,), init=ig.init.normal()), ig.input("x", (4,))
    loss = ((ig.dropout(w, 0.5, name="drop") - x) ** 2).sum()
    step = ig.compile([w.sum(), loss], updates=optim.SGD(0.1).minimize(loss))
    asked: list[int] = []

    def feeds(number: int) -> dict[str, Any]:
        asked.append(number)
        return {"x": np.full(4, number % 3, "float32")}

    found = optim.find_learning_rate(step, feeds, start=10.0, steps=6, loss=1)
    assert asked[-6:] == list(range(6))
    assert {trial.losses[0] for trial in found.tried} == {found.unmoved[0]}
    assert len(found.tried) > 1
    assert step.state["drop/step"] == 0


def test_the_search_in_a_factor_of_a_schedule() -> None:
    step = quadratic(optim.SGD(optim.constant(0.1)))
    found = optim.find_learning_rate(step, {}, steps=8, variable="learning_rate/scale")
    assert found.rate == pytest.approx(0.1)
    assert step.state["learning_rate/step"] == 0


def test_the_curve_is_that_of_rising_rates() -> None:
    step = quadratic(optim.SGD(0.25))
    curve = optim.learning_rate_curve(step, {}, low=1e-4, high=10.0, steps=6)
    w, expected = 1.0, []
    for rate in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
        expected.append(30 * w * w)
        w *= 1 - 60 * rate
    np.testing.assert_allclose(curve.losses[:5], expected, rtol=1e-9)
    np.testing.assert_allclose(curve.rates[:3], [1e-4, 1e-3, 1e-2], rtol=1e-12)
    assert curve.suggested == pytest.approx(1e-2)
    assert len(curve.rates) < 6 or curve.losses[-1] > 5 * curve.losses[0]
    assert [float(step.state[name]) for name in ("w", "learning_rate")] == [1.0, 0.25]


def test_the_state_is_put_back_whatever_happens() -> None:
    step = quadratic(optim.SGD(0.25))

    def feeds(number: int) -> dict[str, Any]:
        if number == 2:
            raise KeyboardInterrupt
        return {}

    for search in (optim.find_learning_rate, optim.learning_rate_curve):
        with pytest.raises(KeyboardInterrupt):
            search(step, feeds)
        assert [float(step.state[name]) for name in ("w", "learning_rate")] == [1.0, 0.25]


def test_a_state_knows_what_it_has_not() -> None:
    state = quadratic(optim.SGD(0.25)).state
    assert "w" in state
    assert "learning_rate/scale" not in state


# ------------------------------------------------------------------------------------------- errors


def _every_rate_diverges() -> None:
    w = ig.parameter("w", init=1.0)
    step = ig.compile(w * w, updates=optim.SGD(0.1).minimize(-w * w))
    optim.find_learning_rate(step, {}, smallest=0.1)  # here


def _nan_from_the_start() -> None:
    w, x = ig.parameter("w"), ig.input("x")
    step = ig.compile(w * x, updates=optim.SGD(0.1).minimize(w * x))
    optim.find_learning_rate(step, lambda number: {"x": math.nan if number == 3 else 1.0})  # here


def _follows_a_schedule() -> None:
    optim.find_learning_rate(quadratic(optim.SGD(optim.constant(0.1))), {})  # here


def _no_variable() -> None:
    w = ig.parameter("w")
    optim.learning_rate_curve(ig.compile(w), {})  # here


def _which_loss() -> None:
    w = ig.parameter("w")
    step = ig.compile({"a": w, "b": w + 1}, updates=optim.SGD(0.1).minimize(w))
    optim.find_learning_rate(step, {})  # here


def _no_feeds() -> None:
    optim.find_learning_rate(quadratic(optim.SGD(0.1)), lambda number: 3)  # type: ignore[arg-type,return-value]  # here


def _rate() -> None:
    optim.Adagrad(math.nan)  # here


def _rate_text() -> None:
    optim.Adadelta("0.1")  # type: ignore[arg-type]  # here


def _decay() -> None:
    optim.AdamW(weight_decay=-1.0)  # here


def _clip_number() -> None:
    optim.SGD(0.1, clip=1.0)  # type: ignore[arg-type]  # here


def _clip_limit() -> None:
    optim.clip_by_norm(0.0)  # here


def _rho() -> None:
    optim.RMSProp(rho=1.0)  # here


def _form() -> None:
    optim.Momentum(0.1, form="keras")  # type: ignore[arg-type]  # here


def _epsilon() -> None:
    optim.Nadam(epsilon=0.0)  # here


def _every() -> None:
    optim.staircase(0.1, every=0)  # here


def _pieces() -> None:
    optim.piecewise({5: 0.1, 2: 0.01})  # here


def _rise() -> None:
    optim.one_cycle(0.1, 10, rise=0.05)  # here


def _end() -> None:
    optim.cosine(0.1, 10, end=-1.0)  # here


def _before() -> None:
    optim.constant(0.1).at(-1)  # here


def _step_text() -> None:
    optim.constant(0.1).at("a")  # type: ignore[arg-type]  # here


def _step_number() -> None:
    optim.constant(0.1)(3)  # type: ignore[arg-type]  # here


def _plateau() -> None:
    optim.ReduceLROnPlateau(factor=2.0)  # here


def _plateau_state() -> None:
    optim.ReduceLROnPlateau().load({"best": 1.0})  # here


ERRORS: dict[Callable[[], None], tuple[type[IrgraphError], str]] = {
    _every_rate_diverges: (
        NumericalError,
        "rise or are not finite at every rate tried (1, 0.1); needed one at",
    ),
    _nan_from_the_start: (NumericalError, "a loss of nan at step 3, before any parameter has moved"),
    _follows_a_schedule: (GraphError, "Pass variable='learning_rate/scale'"),
    _no_variable: (GraphError, "no state variable 'learning_rate'"),
    _which_loss: (GraphError, "the loss None of a step with outputs ['a', 'b']"),
    _no_feeds: (FeedError, "feeds of type int; needed a dict of feeds"),
    _rate: (GraphError, "a learning rate of nan; needed a finite number of at least 0, or a schedule"),
    _rate_text: (DTypeError, "Adadelta with learning_rate='0.1'; needed float | Schedule"),
    _decay: (GraphError, "weight_decay=-1.0; needed a finite number of at least 0"),
    _clip_number: (DTypeError, "clip=1.0; needed optim.clip_by_value, clip_by_norm or"),
    _clip_limit: (GraphError, "gradients clipped at 0.0; needed a finite number above 0"),
    _rho: (GraphError, "rho=1.0"),
    _form: (GraphError, 'form=\'keras\'; needed "classical" or "torch"'),
    _epsilon: (GraphError, "epsilon=0.0; needed betas in [0, 1) and epsilon > 0"),
    _every: (GraphError, "every=0; needed a whole number of at least 1"),
    _pieces: (GraphError, "pieces from the steps [5, 2]; needed rising steps, the first of them 0"),
    _rise: (GraphError, "rise=0.05 of 10 steps"),
    _end: (GraphError, "end=-1.0; needed a finite number of at least 0"),
    _before: (GraphError, "the rate at step -1"),
    _step_text: (DTypeError, "at with step='a'; needed float"),
    _step_number: (DTypeError, "__call__ with step=3; needed Value"),
    _plateau: (GraphError, "factor=2.0; needed a number between 0 and 1"),
    _plateau_state: (GraphError, "a plateau's state of best; needed bad, cooling and perhaps best"),
}


@pytest.mark.parametrize("build", ERRORS, ids=lambda build: str(build.__name__))
def test_errors_say_what_is_wrong(build: Callable[[], None]) -> None:
    kind, says = ERRORS[build]
    with pytest.raises(kind) as caught:
        build()
    must_say(caught.value, build, __file__, (says,))


# ------------------------------------------------------------------------------------ numbers at the edge


def test_a_centered_spread_does_not_fall_below_zero_by_rounding() -> None:
    """Under a constant gradient the spread is rounding alone, after a while."""
    w = ig.parameter("w")
    step = ig.compile(w, updates=optim.RMSProp(1e-12, rho=0.5, centered=True).minimize(w * 1.7))
    for _ in range(200):
        step()
    assert np.isfinite(step.state["w"])


def test_clipping_leaves_a_gradient_of_zero_and_takes_an_infinite_norm_to_zero() -> None:
    for clip in (optim.clip_by_norm(1.0), optim.clip_by_global_norm(1.0), optim.clip_by_value(1.0)):
        w, x = ig.parameter("w", (2,)), ig.input("x", (2,))
        step = ig.compile((w * x).sum(), updates=optim.SGD(1.0, clip=clip).minimize((w * x).sum()))
        step(x=np.zeros(2, "float32"))
        np.testing.assert_array_equal(step.state["w"], 0.0)
        step(x=np.full(2, 1e30, "float32"))
        expected = -1.0 if clip == optim.clip_by_value(1.0) else 0.0
        np.testing.assert_array_equal(step.state["w"], expected)


def test_global_norms_over_parameters_of_several_dtypes() -> None:
    w = [ig.parameter(f"w{n}", (2,), dtype) for n, dtype in enumerate(("float16", "float32", "float64"))]
    loss = sum(((3.0 + n) * each.astype("float64")).sum() for n, each in enumerate(w))
    assert isinstance(loss, ig.Value)
    step = ig.compile(loss, updates=optim.SGD(1.0, clip=optim.clip_by_global_norm(1.0)).minimize(loss))
    step()
    for n in range(3):
        expected = -(3.0 + n) / math.sqrt(2 * (9 + 16 + 25))
        np.testing.assert_allclose(step.state[f"w{n}"], expected, rtol=1e-3 if n == 0 else 1e-6)
