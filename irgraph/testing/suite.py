"""The conformance suite: what an executor promises, checked from outside."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from unittest import SkipTest

from ..comparing import TOLERANCES
from ..compiler.protocol import Executor
from ..executor import as_executor
from .cases import CASES
from .contract import POINTS
from .kernels import run_case
from .report import Check, Conformance, Outcome


def conformance_checks(
    executor: str | Executor,
    dtypes: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> list[Check]:
    """The checks one by one, for `pytest.mark.parametrize("check", conformance_checks("mine"), ids=str)`.

    There is one for each op case and float dtype, `op:tanh-matrix-float32`, and one for each point of
    the contract, `contract:a_failing_step_leaves_the_state`. `dtypes` are the float dtypes to run the cases
    in, by default all that a case holds in, float16 and bfloat16 among them; `tolerances` by dtype, by
    default `irgraph.comparing.TOLERANCES`.
    """
    runner = as_executor(executor)
    within = {**TOLERANCES, **(tolerances or {})}
    checks = [
        Check(f"contract:{name}", (point.__doc__ or "").partition("\n")[0], runner, point)
        for name, point in POINTS.items()
    ]
    for case in CASES:
        if case.oracle is None:
            continue
        for dtype in case.dtypes + case.low_dtypes:
            if dtypes is None or dtype in dtypes:
                run = partial(run_case, case=case, dtype=dtype, tolerances=within)
                checks.append(Check(f"op:{case}-{dtype}", "The values are the oracle's.", runner, run))
    return checks


def conformance(
    executor: str | Executor,
    only: str = "",
    dtypes: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> Conformance:
    """Run an executor through every op case and every point of its contract.

    The executor is given by name or itself. `only` keeps the checks whose id contains it. What the executor
    has no kernel for is expanded, or else skipped. `.assert_passed()` of the report raises.

    >>> print(conformance("numpy", only="op:tanh-matrix-float32"))
    executor 'numpy': 1 passed, 0 failed, 0 skipped
    """
    runner = as_executor(executor)
    checks = [each for each in conformance_checks(runner, dtypes, tolerances) if only in each.id]
    return Conformance(runner.name, [_outcome(each) for each in checks], {**TOLERANCES, **(tolerances or {})})


def _outcome(check: Check) -> Outcome:
    start = time.perf_counter()
    try:
        check()
        ended = Outcome(check.id, check.law, "passed")
    except SkipTest as reason:
        ended = Outcome(check.id, check.law, "skipped", str(reason))
    except AssertionError as error:
        ended = Outcome(check.id, check.law, "failed", str(error).strip())
    except Exception as error:  # whatever a stranger's kernel raises is its failure, not the suite's
        ended = Outcome(check.id, check.law, "failed", f"{type(error).__name__}: {error}")
    seconds = round(time.perf_counter() - start, 4)
    return Outcome(ended.id, ended.law, ended.status, ended.message, seconds)
