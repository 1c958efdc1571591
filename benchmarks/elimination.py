"""Orders of vertex elimination: multiplications beside the published ones, on the published graphs rebuilt.

The graphs lie in `tests/data/elimination_dags`, where a README says how each was made and how far its plain
modes are from the published ones. Orders are searched with the default effort, in the counting "all".
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.report import Options, Row
from irgraph.autodiff.elimination import Dag, EliminationPlan, plan_elimination

PURPOSE = "multiplications of elimination orders, against published ones"
FOLDER = Path(__file__).parents[1] / "tests" / "data" / "elimination_dags"
ROUNDS = 5
MODES = ("forward", "reverse")


def run(options: Options) -> list[Row]:
    """Plan every graph."""
    rows = []
    for path in sorted(FOLDER.glob("*.json")):
        rows += _rows(json.loads(path.read_text()), options.rounds or ROUNDS)
    return rows


def read(content: dict[str, Any]) -> Dag:
    """The graph of a file."""
    edges = {(u, v): kind for u, v, kind in content["edges"]}
    sizes = {int(v): size for v, size in content["sizes"].items()}
    return Dag(tuple(content["inputs"]), tuple(content["outputs"]), edges, sizes)


def _rows(content: dict[str, Any], rounds: int) -> list[Row]:
    name, published, dag = content["name"], content["published"], read(content)
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        plan = plan_elimination(dag)
        seconds.append(time.process_time() - started)
    rows = [Row(f"{name}: {what}", "published", figure, "products") for what, figure in published.items()]
    same = all(published[mode] == getattr(plan, mode) for mode in MODES)
    rows += [Row(f"{name}: {mode}", "irgraph", getattr(plan, mode), "products") for mode in MODES]
    best = min(published.values())
    row = Row(f"{name}: plan", "irgraph", plan.cost, "products", target=f"<= {best}")
    row.met = plan.cost <= best if same else None
    row.note = _note(plan, same)
    row.detail = {"order": plan.order, "counts": dict(plan.counts), "same plain modes": same}
    return [*rows, row, Row(f"{name}: CPU time of a plan", "irgraph", statistics.median(seconds))]


def _note(plan: EliminationPlan, same: bool) -> str:
    proven = "no order has fewer" if plan.exact else "not proven least"
    graph = "the published graph" if same else "a graph that differs from the published one"
    return f"{len(plan.order)} vertices, {graph}; {proven}; {plan.method}"
