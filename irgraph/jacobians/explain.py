"""A plan in words: what was found, what it does step by step, and what the other ways would have cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..dims import hint, hinting, names_of
from ..errors import IrgraphError
from ..tables import Table, quantity
from .costing import Effort
from .measuring import Measurements, predicted_peak
from .steps import Course, Step, alternatives, course, whole
from .words import Called, calls, described

if TYPE_CHECKING:
    from .plan import JacobianPlan

LONGEST = 16
"""Rows of a table; of more the middle is left out."""


def explain(plan: JacobianPlan, measured: Measurements | None = None) -> str:
    """The explanation of a plan, with measured times beside the nominal ones if there are any."""
    names, found = calls(plan.reduced), course(plan)
    with hinting(plan.request.options.hints):
        parts = [
            _results(plan, names),
            _graph(plan, names, found),
            _order(plan, names, found),
            _others(plan, measured),
            _memory(plan),
        ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _indented(lines: str | Sequence[str]) -> list[str]:
    return [f"  {line}" for line in (lines.splitlines() if isinstance(lines, str) else lines)]


def _results(plan: JacobianPlan, names: dict[int, Called]) -> list[str]:
    """Which Jacobians, and their structure."""
    linear = plan.reduced.linear
    pairs = [(v, u) for v in linear.ends for u in linear.sources]
    lines = []
    for (v, u), result in list(zip(pairs, plan.chosen.results, strict=False))[:LONGEST]:
        y, x = names[v].name, names[u].name
        lines.append(f"Jacobian of {y} : {linear.values[v].type} towards {x} : {linear.values[u].type}")
        lines += _indented(described(result, y, x))
    if len(pairs) > LONGEST:
        lines.append(f"and {len(pairs) - LONGEST} others")
    return lines


def _graph(plan: JacobianPlan, names: dict[int, Called], found: Course) -> list[str]:
    """What is left to decide: the chain, or the vertices where there is none."""
    total, left = len(plan.reduced.linear.inner), plan.reduced.inner
    lines = [f"Graph: {counted(total, 'value')} on the way; {total - len(left)} cost nothing and went first."]
    if not left:
        return [f"{lines[0]} Nothing is left to order."]
    if found.instances > 1:
        lines[0] += f" Sizes are those of one instance of {found.instances}."
    widths = found.widths
    if plan.chain is None:
        lines.append("No cut parts the rest:")
        rows = [(f"v{v}", names[v].name, str(widths[v]), names[v].place, "") for v in left]
        return [*lines, *_indented(str(_vertices(rows)))]
    cuts = [sum(widths[v] for v in cut) for cut in plan.chain.cuts]
    waist = waist_of(cuts)
    lines.append(f"The rest is a chain of {counted(len(cuts) - 1, 'factor')}:")
    rows = []
    for n, (cut, size) in enumerate(zip(plan.chain.cuts, cuts, strict=True)):
        ends = n in (0, len(cuts) - 1)
        vertices = "" if ends else ", ".join(f"v{v}" for v in cut)
        told = ", ".join(names[v].name for v in cut)
        rows.append((vertices, told, str(size), names[cut[0]].place, "the waist" if n == waist else ""))
    return [*lines, *_indented(str(_vertices(rows)))]


def waist_of(widths: Sequence[int]) -> int | None:
    """The narrowest cut, if it is narrower than both ends."""
    inner = range(1, len(widths) - 1)
    narrowest = min(inner, key=lambda n: widths[n], default=None)
    if narrowest is None or widths[narrowest] >= min(widths[0], widths[-1]):
        return None
    return narrowest


def _vertices(rows: Sequence[tuple[str, ...]]) -> Table:
    rows = _shortened(rows)
    columns = (("vertex", "<"), ("value", "<"), ("width", ">"), ("built at", "<"), ("", "<"))
    return Table("", columns, rows)  # type: ignore[arg-type]


def _shortened(rows: Sequence[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    if len(rows) <= LONGEST:
        return rows
    half = LONGEST // 2
    middle = ("…", f"{len(rows) - 2 * half} more", *([""] * (len(rows[0]) - 2)))
    return [*rows[:half], middle, *rows[-half:]]


# ------------------------------------------------------------------------------------- the order


def _order(plan: JacobianPlan, names: dict[int, Called], found: Course) -> list[str]:
    """The steps and what each costs; they add up to the cost of the plan."""
    if not plan.order:
        cost = f": {', '.join(_costs(found.local)[:2])}" if plan.cost.launches else ""
        return [f"Order: none, as nothing is multiplied{cost}."]
    rows = [("", "local Jacobians", *_costs(found.local))]
    rows += [(str(n), step_text(step, names), *_costs(step.effort)) for n, step in enumerate(found.steps, 1)]
    rows += [("", "writing the result", *_costs(found.result))]
    kept = [row for row in _shortened(rows) if row[0] or row[2] != "0 flop" or row[4] != "0"]
    columns = (("step", "<"), ("", "<"), ("flops", ">"), ("bytes", ">"), ("launches", ">"), ("time", ">"))
    totals = [("", "together", *_costs(whole(plan).effort))]
    if whole(plan) is not plan.chosen:
        totals.append(("", plan.chosen.name.partition(", ")[2], *_costs(plan.cost)))
    table = Table("", columns, kept, totals)  # type: ignore[arg-type]
    return [f"Order: {plan.chosen.name}{_why(plan)}", *_indented(str(table))]


def _why(plan: JacobianPlan) -> str:
    """In what sense the order is the best."""
    request, name, count = plan.request, whole(plan).name, len(plan.candidates)
    if not isinstance(request.mode, str):
        return ", by hand"
    reasons = []
    if len(plan.order) > 1 and is_chain_order(plan):
        reasons.append("exact: of dense matrices no bracketing of the chain needs fewer multiplications")
    elif name == "elimination (exact)":
        reasons.append("exact: of dense matrices no order of the vertices needs fewer multiplications")
    if request.mode != "auto":
        reasons.append(f'asked for with mode="{request.mode}"')
    elif count > 1:
        way = "the fastest" if request.options.plan == "static" else "the fastest when run"
        fit = "" if request.memory is None else f" within {quantity(request.memory, 'B')} of memory"
        if whole(plan) is not plan.chosen:
            way, fit = "in parts, as none fits", fit + ": the fastest"
        reasons.append(f"{way}{fit} of {count} orders that were built")
    return "".join(f"\n  {reason}" for reason in reasons)


def is_chain_order(plan: JacobianPlan) -> bool:
    """Whether the order chosen is that of the optimal bracketing of the chain."""
    chain, best = plan.chain, plan.chain_plan
    return chain is not None and best is not None and tuple(chain.order(best)) == plan.order


def step_text(step: Step, names: dict[int, Called]) -> str:
    """One step in words and sizes."""
    shown = [names[v].short(v) for v in step.vertices]
    if len(shown) > 4:
        shown = [*shown[:2], "…", shown[-1]]
    product = f"{step.rows}×{step.inner} · {step.inner}×{step.columns}"
    if not step.effort.launches:
        product = "stays a product"
    if step.kind == "multiply":
        return f"multiply at {shown[0]}: {product}"
    way = f"{step.kind} through {' → '.join(shown)}"
    if not step.effort.launches or len(step.vertices) == 1:
        return f"{way}: {product}"
    return (
        f"{way}: {counted(step.columns, 'column') if step.kind == 'forward' else counted(step.rows, 'row')}"
    )


def _costs(effort: Effort) -> tuple[str, str, str, str]:
    return (
        quantity(effort.flops, "flop"),
        quantity(effort.nbytes, "B"),
        str(effort.launches),
        quantity(effort.seconds, "s"),
    )


# ------------------------------------------------------------------------------------ the others


def _others(plan: JacobianPlan, measured: Measurements | None) -> list[str]:
    """All candidates beside the one that was chosen."""
    shown = alternatives(plan)
    if len(shown) == 1 and measured is None:
        return []
    columns = [("order", "<"), ("flops", ">"), ("bytes", ">"), ("launches", ">"), ("time", ">"), ("", ">")]
    columns += [("measured", ">"), ("", ">"), ("peak memory", ">")] if measured else []
    rows = []
    for candidate in shown:
        nominal = ratio(candidate.effort.seconds, plan.cost.seconds if candidate is not plan.chosen else 0)
        row = [candidate.name, *_costs(candidate.effort), nominal]
        if measured:
            row += _measured(measured, candidate.name, plan.chosen.name)
        rows.append(tuple(row))
    table = Table("", columns, rows)  # type: ignore[arg-type]
    hint = " Measured: the forward pass too." if measured else ""
    return [f"Beside the others (time: of one nominal core).{hint}", *_indented(str(table))]


def ratio(seconds: float, best: float) -> str:
    """How many times the best it takes; nothing where that takes no time.

    >>> ratio(6.0, 4.0), ratio(8200.0, 2.0), ratio(1.0, 0.0)
    ('1.5 ×', '4,100 ×', '')
    """
    if not best:
        return ""
    return f"{seconds / best:,.0f} ×" if seconds >= 100 * best else f"{seconds / best:.3g} ×"


def _measured(measured: Measurements, name: str, best: str) -> list[str]:
    mine = measured[name]
    if not mine.calls:
        return ["not run", "", quantity(mine.peak, "B")]
    times = "" if name == best else ratio(mine.seconds, measured[best].seconds)
    return [quantity(mine.seconds, "s"), times, quantity(mine.peak, "B")]


def _memory(plan: JacobianPlan) -> list[str]:
    """What the compiled whole will need."""
    linear = plan.reduced.linear
    sizes = (size for n in (*linear.ends, *linear.sources) for size in linear.values[n].shape)
    names = sorted(names_of(sizes))
    bound = f" for {', '.join(f'{name}={hint(name)}' for name in names)}" if names else ""
    limit = plan.request.memory
    allowed = "" if limit is None else f", of {quantity(limit, 'B')} allowed"
    try:
        peak = predicted_peak(plan.chosen)
    except IrgraphError as error:
        return [f"Memory is planned when it is bound: {str(error).splitlines()[0]}"]
    return [f"Memory: {quantity(peak, 'B')} at the peak, forward pass included{bound}{allowed}."]


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def describe_effort(effort: Effort) -> str:
    """Flops and nominal time.

    >>> describe_effort(Effort(2_000_000, 400_000, 3, 4.6e-5))
    '2 Mflop, 46 µs'
    """
    return f"{quantity(effort.flops, 'flop')}, {quantity(effort.seconds, 's')}"
