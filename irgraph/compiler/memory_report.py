"""What a step's memory consists of, for people."""

from __future__ import annotations

from dataclasses import dataclass

from ..dims import Size
from ..state import State
from .plan import Buffer, Plan, formula
from .schedule import Schedule


@dataclass(frozen=True)
class LiveValue:
    """One value in memory at the peak."""

    nbytes: int
    size: Size  # bytes in the named dims
    description: str


@dataclass(frozen=True)
class MemoryReport:
    """The memory of one step, in bytes. Prints as a short table.

    `arena` is the predicted size of the one buffer that all values share but large results, which have
    `results` bytes of their own and are handed over without a copy. `peak` is both; `allocated` is what the
    executor took, None before the first call. `live_peak` is the most that is live at once, a lower bound
    for the peak; `formula` is that sum in the named dims.
    """

    sizes: dict[str, int]
    arena: int
    results: int
    allocated: int | None
    live_peak: int
    formula: Size
    state: int
    at: str
    values: tuple[LiveValue, ...]

    @property
    def peak(self) -> int:
        """The arena and the results."""
        return self.arena + self.results

    def __str__(self) -> str:
        bound = ", ".join(f"{name}={size}" for name, size in self.sizes.items())
        took = "not allocated yet" if self.allocated is None else f"allocated {_bytes(self.allocated)}"
        beside = f" + results {_bytes(self.results)} = {_bytes(self.peak)}" if self.results else ""
        live = sum(value.nbytes for value in self.values)
        lines = [
            f"memory of one step{f' for {bound}' if bound else ''}",
            f"  arena {_bytes(self.arena)}{beside} ({took}), state {_bytes(self.state)}",
            f"  at the peak, {self.at}: {self.formula} = {live} bytes live, {_bytes(self.live_peak)} aligned",
        ]
        lines += [f"    {_bytes(value.nbytes):>10}  {value.description}" for value in self.values[:8]]
        if len(self.values) > 8:
            lines.append(f"    and {len(self.values) - 8} smaller ones")
        return "\n".join(lines)


def report_memory(plan: Plan, schedule: Schedule, state: State, allocated: int | None) -> MemoryReport:
    """Describe a plan's memory."""
    peak, position = plan.live_peak()
    live = plan.live_at(position)
    values = tuple(LiveValue(b.nbytes, b.owner.type.nbytes, _described(b)) for b in live)
    return MemoryReport(
        sizes=plan.sizes,
        arena=plan.arena_nbytes,
        results=plan.results_nbytes,
        allocated=allocated,
        live_peak=peak,
        formula=formula(live),
        state=sum(array.nbytes for array in state.arrays.values()),
        at=_place(schedule, position),
        values=values,
    )


def _described(buffer: Buffer) -> str:
    owner = buffer.owner
    parts = f", {buffer.parts} part{'s' * (buffer.parts > 1)} computed in place" if buffer.parts else ""
    return f"{owner.label} : {owner.type}{parts}  # {owner.node.origin}"


def _place(schedule: Schedule, position: int) -> str:
    if position == 0:
        return "when the feeds arrive"
    if position == schedule.outputs_at:
        return "when the outputs are read"
    if position >= schedule.end:
        return "at the last copies of the commit"
    if position > schedule.outputs_at:
        return f"in the commit, at {schedule.commit[position - schedule.outputs_at - 1]!r}"
    return f"at {schedule.compute[position - 1]!r}"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"
