"""The long run of `tests/test_random_graphs.py`: 10,000 random well-typed graphs under each of its laws.

Fan-out, broadcasting, integers and booleans among the floats, float64 among the float32. Hypothesis draws
the same graphs each time; a law that fails stops at its first graph, which is printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Options, Row
from benchmarks.worker import ROOT

PURPOSE = "graphs that break a law, of those tried (--rounds N tries N)"
GRAPHS = 10_000
TARGET = "0"


def run(options: Options) -> list[Row]:
    """One row for each law."""
    graphs = options.rounds or GRAPHS
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(
            [*command, "tests/test_random_graphs.py", "-n", str(options.threads)],
            check=False,
            cwd=ROOT,
            env=os.environ | {"IRGRAPH_RANDOM_GRAPHS": str(graphs), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print(done.stdout[-4000:], done.stderr[-1000:], file=sys.stderr)
        found = list(ElementTree.parse(report).iter("testcase"))
    rows = []
    for law in found:
        name = law.get("name", "").removeprefix("test_").replace("_", " ")
        broken = int(law.find("failure") is not None or law.find("error") is not None)
        note = f"{graphs:,} graphs in {float(law.get('time', 0)):.0f} s"
        rows.append(Row(name, "irgraph", broken, "", target=TARGET, met=not broken, note=note))
    return rows
