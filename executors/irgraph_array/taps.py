"""The kernel of taps: a Python function that sees an array on the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from irgraph.ops.taps import Tap

from .table import Array, Call, Context, kernel


@kernel(Tap)
def _tap(context: Context, op: Tap, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    x = inputs[0]
    to_host = getattr(x, "get", x.copy)  # arrays of a device have `get`
    origin = context.node.origin

    def call() -> None:
        try:
            op.callback(to_host())
        except Exception as error:
            where = f"{context.node.name or 'tap'} at {origin}: {origin.source}"
            error.add_note(f"  in {where}\n  The state is as before the call.")
            raise

    yield call
