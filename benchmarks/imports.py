"""Import times: the whole of ``python -c "import irgraph"`` in fresh processes, beside NumPy and the peers.

All are run in turn, once unmeasured to fill the file cache. What `import irgraph` must not load is
looked up in `sys.modules` after it, and ``-X importtime`` names what takes longest.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peers import installed
from benchmarks.report import Options, Row, missing
from benchmarks.worker import ROOT

PURPOSE = "seconds of a Python process that imports one library"
ROUNDS = 11
LIMIT = 0.3
BYTECODE = Path(tempfile.gettempdir()) / "irgraph-benchmarks-bytecode"
UNWANTED = ("onnx", "networkx", "graphviz", "matplotlib", "cupy")
STATEMENTS = {
    "nothing": "pass",
    "numpy": "import numpy",
    "irgraph": "import irgraph",
    "autograd": "import autograd.numpy",
    "jax": "import jax",
    "torch": "import torch",
    "pytensor": "import pytensor.tensor",
}


def run(options: Options) -> list[Row]:
    """Time all imports in turn and look at what irgraph loads."""
    found = {name: statement for name, statement in STATEMENTS.items() if _installed(name)}
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for index in range((options.rounds or ROUNDS) + 1):
        for name, statement in list(found.items()):
            started = time.perf_counter()
            if _python("-c", statement).returncode:
                del found[name], seconds[name]
            elif index:
                seconds[name].append(time.perf_counter() - started)
    return [_row(name, seconds) for name in STATEMENTS] + [_loaded_row()]


def _installed(name: str) -> bool:
    return name == "nothing" or installed(name)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a user has it: with compiled bytecode at hand, which an environment may switch off."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)


def _row(name: str, seconds: dict[str, list[float]]) -> Row:
    ours = name == "irgraph"
    target = f"< {LIMIT} s" if ours else ""
    if name not in seconds:
        why = "its import fails" if _installed(name) else "not installed"
        return missing("import", name, why, target)
    middle, nothing = statistics.median(seconds[name]), statistics.median(seconds["nothing"])
    note = f"{(middle - nothing) * 1e3:.0f} ms over an empty process"
    if ours:
        note += "; slowest: " + _slowest()
    detail = {"rounds": len(seconds[name]), "fastest": min(seconds[name])}
    met = middle < LIMIT if ours else None
    return Row("import", name, middle, target=target, met=met, note=note, detail=detail)


def _slowest(count: int = 3) -> str:
    """Return the modules with the longest own time under ``-X importtime``."""
    lines = _python("-X", "importtime", "-c", STATEMENTS["irgraph"]).stderr.splitlines()
    own = []
    for line in lines:
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            own.append((int(parts[0]), parts[2].strip()))
    return ", ".join(f"{name} {time_us / 1e3:.1f} ms" for time_us, name in sorted(own, reverse=True)[:count])


def _loaded_row() -> Row:
    what, target = "unwanted modules that it loads", f"none of {', '.join(UNWANTED)}"
    if not _installed("irgraph"):
        return missing(what, "irgraph", "not installed", target, "modules")
    tops = "{name.split('.')[0] for name in sys.modules}"
    done = _python("-c", f"import irgraph, json, sys; print(json.dumps(sorted({tops})))")
    if done.returncode:
        return missing(what, "irgraph", done.stderr.strip().splitlines()[-1][:200], target, "modules")
    loaded = json.loads(done.stdout)
    unwanted = [name for name in UNWANTED if name in loaded]
    row = Row(what, "irgraph", len(unwanted), "modules", target=target, met=not unwanted)
    row.note = ", ".join(unwanted)
    outside = [name for name in loaded if name not in sys.stdlib_module_names and not name.startswith("_")]
    row.detail = {"loaded outside the standard library": outside}
    return row
