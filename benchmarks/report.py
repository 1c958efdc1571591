"""Rows, the JSON file that keeps them with versions and machine, and the table that shows them."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
LIBRARIES = (
    "irgraph",
    "numpy",
    "torch",
    "jax",
    "jaxlib",
    "pytensor",
    "autograd",
    "scipy",
    "numba",
    "onnxruntime",
)


@dataclass
class Options:
    """What the command line sets for every group."""

    threads: int
    rounds: int | None = None
    peers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    results: Path = RESULTS
    only: tuple[str, ...] = ()

    def chosen(self, title: str) -> bool:
        """Whether a case's title has one of the words of `only` in it; all do where none is given."""
        return not self.only or any(word.casefold() in title.casefold() for word in self.only)

    def wants(self, peer: str) -> bool:
        """Whether a peer was asked for; all are where none is named."""
        return not self.peers or peer in self.peers


@dataclass
class Row:
    """One measured figure.

    `value` is the median in `unit`, `ratio` is against the hand-written NumPy step, `target` is what irgraph
    should reach, and `met` is None where there is no target or nothing was measured.
    """

    what: str
    peer: str
    value: float | None
    unit: str = "s"
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def missing(what: str, peer: str, why: str, target: str = "", unit: str = "s") -> Row:
    """Return the row of something that could not be measured."""
    return Row(what, peer, None, unit, target=target, note=why)


def environment(threads: int) -> dict[str, Any]:
    """Return the versions, machine and settings that a number depends on."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "threads": threads,
            "system": f"{platform.system()} {platform.machine()}",
            "load at the end": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        },
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def save(group: str, purpose: str, rows: Sequence[Row], options: Options) -> Path:
    """Write the rows of a group with the environment; return the file's path."""
    document = {"group": group, "what": purpose} | environment(options.threads)
    document["rows"] = [asdict(row) for row in rows]
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{group}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return path


def show(group: str, rows: Sequence[Row]) -> None:
    """Print the rows as a table: rich's where it is installed, plain columns elsewhere."""
    header = ("what", "peer", "median", "x NumPy", "target", "met", "note")
    cells = [
        (
            row.what,
            row.peer,
            _format(row.value, row.unit),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.target,
            {None: "", True: "yes", False: "NO"}[row.met],
            row.note,
        )
        for row in rows
    ]
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        widths = [max(len(line[column]) for line in [header, *cells]) for column in range(len(header))]
        for line in [header, *cells]:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        return
    table = Table(*header, title=group, title_justify="left")
    for row, line in zip(rows, cells, strict=True):
        table.add_row(*line, style={None: "", True: "green", False: "red"}[row.met])
    Console(width=None if os.isatty(1) else 160, highlight=False).print(table)


def _format(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit != "s":
        return f"{value:,.3g} {unit}" if abs(value) < 1000 else f"{value:,.0f} {unit}"
    if value < 1e-3:
        return f"{value * 1e6:.1f} us"
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"
