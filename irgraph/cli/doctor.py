"""`irgraph doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import __version__
from ..extras import pip_command
from . import machine
from .machine import Found

PACKAGES = ("numpy", "onnx", "onnxruntime", "rich", "typer")


def run(console: Console) -> bool:
    """Print what is found; True if the default executor works."""
    blas, threads = machine.blas()
    facts = {
        "irgraph": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}",
        "platform": platform.platform(),
        "cores": machine.cores(),
        "BLAS": blas,
        "BLAS threads": threads,
    }
    facts |= {name: machine.version_of(name) or "not installed" for name in PACKAGES}
    _section(console, "versions and machine", facts)
    executors = machine.executors()
    _section(console, "executors", {e.name: _state(e) for e in executors})
    _section(console, "devices", {d.name: _state(d) for d in machine.devices()})
    _section(console, "extras", _extras())
    works = any(executor.name == "numpy" and executor.works for executor in executors)
    if not works:
        console.print(
            "\nThe default executor does not work. Install irgraph anew: pip install irgraph", style="red"
        )
    return works


def _state(found: Found) -> Text:
    return Text.assemble(
        ("works", "green") if found.works else ("unavailable", "yellow"), f"  {found.detail}"
    )


def _extras() -> dict[str, Text]:
    rows = {}
    for extra in machine.extras():
        if extra.missing:
            text = (
                ("missing", "yellow"),
                f"  {', '.join(extra.missing)}\n{extra.brings}\n{pip_command(extra.name)}",
            )
        else:
            text = ("installed", "green"), f"  {', '.join(extra.packages)}"
        rows[extra.name] = Text.assemble(*text)
    return rows


def _section(console: Console, title: str, rows: Mapping[str, str | Text]) -> None:
    console.print(title, style="bold")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(f"  {name}", text)
    if not rows:
        table.add_row("  none", "")
    console.print(table)
