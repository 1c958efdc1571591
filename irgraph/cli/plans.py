"""`irgraph plan-chain` and `irgraph plan-dag`: the planners of Jacobian products on files of integers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..autodiff.chain_order import Accumulate, ChainPlan, Step, plan_chain
from ..autodiff.elimination import EFFORT, Counting, Dag, plan_elimination
from ..errors import GraphError, explain

CHAIN = '{"factors": [[rows, columns, cost], …]}, factor 1 applied first'
DAG = (
    '{"vertices": n, "sizes": {v: size}, "inputs": […], "outputs": […], '
    '"edges": [[from, to, "1"|"-1"|"c"|"x"], …]}'
)


def chain(path: Path, memory: int | None) -> dict[str, Any]:
    """The plan of a chain file."""
    content = _read(path, CHAIN)
    try:
        factors = [tuple(map(_integer, factor)) for factor in content["factors"]]
        plan = plan_chain(factors, memory)  # type: ignore[arg-type]  # which checks what they hold
    except (KeyError, TypeError, ValueError) as error:
        raise _misfit(path, error, CHAIN) from error
    return {
        "optimum": plan.cost,
        "forward": plan.forward,
        "reverse": plan.reverse,
        "preaccumulation": plan.preaccumulation,
        "bracketing": bracketing(plan),
        "order": [_step(step) for step in plan.steps],
        "exact": True,
    }


def dag(path: Path, counting: Counting = "all", effort: int = EFFORT, seed: int = 0) -> dict[str, Any]:
    """The plan of a DAG file."""
    content = _read(path, DAG)
    try:
        edges: dict[tuple[int, int], str] = {}
        for u, v, kind in content["edges"]:
            edge = (_integer(u), _integer(v))
            edges[edge] = str(kind) if edge not in edges else "x" if "x" in (kind, edges[edge]) else "c"
        sizes = {int(v): _integer(size) for v, size in content.get("sizes", {}).items()}
        inputs, outputs = (tuple(map(_integer, content[end])) for end in ("inputs", "outputs"))
        plan = plan_elimination(Dag(inputs, outputs, edges, sizes), counting, effort, seed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _misfit(path, error, DAG) from error
    return {
        "optimum": plan.cost,
        "forward": plan.forward,
        "reverse": plan.reverse,
        "order": list(plan.order),
        "exact": plan.exact,
        "method": plan.method,
        "counting": counting,
        "counts": dict(plan.counts),
    }


def bracketing(plan: ChainPlan) -> str:
    """The order of a chain as one expression; `F2` is a matrix, `(F3>` pushes forward, `<F1)` pulls back.

    >>> bracketing(plan_chain([(3, 3, 29), (1, 3, 14), (2, 1, 7)]))
    '(F3 · (F2 <F1))'
    """
    texts: dict[tuple[int, int], str] = {}
    for step in plan.steps:
        if isinstance(step, Accumulate):
            texts[step.factor, step.factor] = f"F{step.factor + 1}"
            continue
        first, split, last = step.first, step.split, step.last
        right, left = texts.get((first, split)), texts.get((split + 1, last))
        if right is None:
            right = f"<{_run(first, split)}"
        elif left is None:
            left = f"{_run(split + 1, last)}>"
        else:
            right = f"· {right}"
        texts[first, last] = f"({left} {right})"
    return texts[0, max(last for _, last in texts)]


def _run(first: int, last: int) -> str:
    return f"F{first + 1}" if first == last else f"F{last + 1}…F{first + 1}"


def _step(step: Step) -> dict[str, Any]:
    """A step as in the file: factors counted from 1."""
    if isinstance(step, Accumulate):
        return {"step": "accumulate", "factor": step.factor + 1, "mode": step.mode}
    name = type(step).__name__.lower()
    return {"step": name, "first": step.first + 1, "split": step.split + 1, "last": step.last + 1}


def _integer(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"found {number!r}; needed an integer")
    return number


def _read(path: Path, needed: str) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise GraphError(explain(f"{path} with {error}", needed)) from error
    if not isinstance(content, Mapping):
        raise GraphError(explain(f"{path} with a {type(content).__name__}", needed))
    return content


def _misfit(path: Path, error: Exception, needed: str) -> GraphError:
    what = f"no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
    return GraphError(f"{path}: {what}\n  Needed {needed}.")
