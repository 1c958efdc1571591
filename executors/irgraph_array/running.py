"""Calls one after another."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from irgraph.errors import IrgraphError
from irgraph.value import Node

from .table import Call


def run_calls(calls: Sequence[Call], owners: Sequence[Node]) -> None:
    """Make the calls; an error that is not irgraph's own gets the node that the call is of as a note."""
    left = iter(calls)
    try:
        for call in left:
            call()
    except IrgraphError:
        raise
    except Exception as error:
        node = owners[len(calls) - operator.length_hint(left) - 1]
        error.add_note(f"  in {node!r}")
        raise
