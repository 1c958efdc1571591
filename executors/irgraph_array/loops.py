"""The kernel of `scan`: the calls of one step, again and again."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from irgraph.control_flow.scan import Scan
from irgraph.dims import bind
from irgraph.errors import IrgraphError

from .table import Array, BoundLoop, Call, Context, assign, kernel


@kernel(Scan)
def _scan(context: Context, op: Scan, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    loop = context.loop
    assert loop is not None
    starts, stacked, _ = op.parts(inputs)
    last, ys = outputs[: op.carries], outputs[op.carries :]
    begin = [*loop.prologue, *map(assign, loop.carries, starts)]
    end = list(map(assign, last, loop.carries))
    xs = [(step, whole) for step, whole in zip(loop.xs, stacked, strict=True) if step is not None]
    moved = [(new, carry) for new, carry in zip(loop.new, loop.carries, strict=True) if new is not carry]
    length = bind(op.length, context.sizes)
    yield _Loop(loop, begin, end, xs, list(zip(ys, loop.ys, strict=True)), moved, length, op.reverse)


class _Loop:
    """One run of a loop: the first carries in, the steps, the last carries out."""

    def __init__(
        self,
        loop: BoundLoop,
        begin: list[Call],
        end: list[Call],
        xs: list[tuple[Array, Array]],
        ys: list[tuple[Array, Array]],
        carries: list[tuple[Array, Array]],
        length: int,
        reverse: bool,
    ) -> None:
        self.loop, self.begin, self.end = loop, begin, end
        self.xs, self.ys, self.length, self.reverse = xs, ys, length, reverse
        self.carry = [assign(carry, new) for new, carry in carries]

    def __call__(self) -> None:
        for call in self.begin:
            call()
        for t in reversed(range(self.length)) if self.reverse else range(self.length):
            self.step(t)
        for call in self.end:
            call()

    def step(self, t: int) -> None:
        """The calls of one step, on views of position `t`."""
        for here, whole in self.xs:
            here[...] = whole[t]
        calls = iter(self.loop.compute)
        try:
            for call in calls:
                call()
        except IrgraphError:
            raise
        except Exception as error:
            owner: Any = self.loop.owners[len(self.loop.compute) - operator.length_hint(calls) - 1]
            error.add_note(f"  in {owner!r}, at position {t} of a scan")
            raise
        for whole, here in self.ys:
            whole[t] = here
        for call in self.carry:
            call()
