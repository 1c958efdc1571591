"""Install size: what the core install of irgraph adds to NumPy in a fresh virtual environment.

NumPy is installed first and measured; then this repository, without extras. Sizes are disk blocks as `du`
counts them, byte code included. The peers' sizes are those of this environment: the distribution and all it
requires, without NumPy. Needs a package index; where there is none the row says so.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Options, Row, missing
from benchmarks.worker import ROOT

PURPOSE = "megabytes of an install over NumPy"
LIMIT = 75.0
TARGET = f"<= {LIMIT:.0f} MB"
MEGABYTE = 1e6
TIMEOUT_SECONDS = 900


def run(options: Options) -> list[Row]:
    """Install irgraph into a fresh environment; look up the peers in this one."""
    rows = [_irgraph_row()] if options.wants("irgraph") else []
    for name in ("torch", "jax", "pytensor", "autograd"):
        if not options.wants(name):
            continue
        sizes = _installed_sizes(name)
        if not sizes:
            rows.append(missing("core install over NumPy", name, "not installed", unit="MB"))
            continue
        row = Row("core install over NumPy", name, sum(sizes.values()), "MB", note=_largest(sizes))
        rows.append(row)
    return rows


def _irgraph_row() -> Row:
    if not (ROOT / "pyproject.toml").exists():
        return missing("core install over NumPy", "irgraph", "no pyproject.toml", TARGET, "MB")
    with tempfile.TemporaryDirectory() as folder:
        try:
            _command(sys.executable, "-m", "venv", folder)
            python = Path(folder, "Scripts" if os.name == "nt" else "bin", "python")
            site = next(Path(folder).glob("**/site-packages"))
            _command(str(python), "-m", "pip", "install", "-q", "numpy")
            before = _folder_sizes(site)
            _command(str(python), "-m", "pip", "install", "-q", str(ROOT))
            after = _folder_sizes(site)
        except (subprocess.SubprocessError, OSError) as error:
            output = getattr(error, "stderr", None) or str(error)
            why = output.strip().splitlines()[-1][:200]
            return missing("core install over NumPy", "irgraph", why, TARGET, "MB")
    grown = {name: size - before.get(name, 0.0) for name, size in after.items()}
    total = sum(after.values()) - sum(before.values())
    row = Row("core install over NumPy", "irgraph", total, "MB", target=TARGET, met=total <= LIMIT)
    row.note = _largest(grown)
    row.detail = {"numpy alone": sum(size for name, size in before.items() if name.startswith("numpy"))}
    return row


def _command(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)


def _folder_sizes(site: Path) -> dict[str, float]:
    """Return the megabytes on disk of every entry of a folder."""
    return {entry.name: sum(map(_blocks, (entry, *entry.rglob("*")))) for entry in site.iterdir()}


def _blocks(path: Path) -> float:
    status = path.lstat()
    return getattr(status, "st_blocks", status.st_size / 512) * 512 / MEGABYTE


def _largest(sizes: dict[str, float], count: int = 4) -> str:
    ranked = sorted(sizes.items(), key=lambda item: item[1], reverse=True)[:count]
    return ", ".join(f"{name} {size:.1f}" for name, size in ranked if size >= 0.1)


def _installed_sizes(name: str) -> dict[str, float]:
    """Return the megabytes of a distribution and of each that it requires, NumPy left out."""
    sizes = {}
    for each in _closure(name):
        files = importlib.metadata.files(each) or []
        paths = {Path(str(file.locate())) for file in files}
        sizes[each] = sum(_blocks(path) for path in paths if path.is_file())
    return sizes


def _closure(name: str) -> Iterator[str]:
    """Yield the installed distributions that `name` needs, itself first; extras are not followed."""
    waiting, seen = [name], {"numpy"}
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        try:
            requirements = importlib.metadata.requires(current) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        yield current
        for requirement in requirements:
            if "extra ==" not in requirement:
                waiting.append(re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-"))
