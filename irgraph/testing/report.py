"""What a conformance run found: one outcome for each check, and the whole as text and as JSON."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import __version__
from ..compiler.protocol import Executor

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """One thing that an executor promises; calling it raises AssertionError where it does not keep it.

    `unittest.SkipTest`, which pytest shows as a skip, means that the executor lacks a kernel for it.
    """

    id: str
    law: str
    executor: Executor = field(repr=False)
    run: Callable[[Executor], object] = field(repr=False)

    def __call__(self) -> None:
        """Run the check."""
        self.run(self.executor)

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True)
class Outcome:
    """How one check ended, and why."""

    id: str
    law: str
    status: Status
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Conformance:
    """How an executor fared: prints as a report.

    >>> report = Conformance("mine", [Outcome("contract:swap", "updates happen at once", "passed")], {})
    >>> print(report)
    executor 'mine': 1 passed, 0 failed, 0 skipped
    """

    executor: str
    outcomes: list[Outcome]
    tolerances: Mapping[str, float]

    def ended(self, status: Status) -> list[Outcome]:
        """The outcomes of one kind, in order."""
        return [each for each in self.outcomes if each.status == status]

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and something passed."""
        return not self.ended("failed") and bool(self.ended("passed"))

    def assert_passed(self) -> None:
        """Raise AssertionError with the report unless everything passed or was skipped."""
        if not self.passed:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        counts = ", ".join(f"{len(self.ended(s))} {s}" for s in ("passed", "failed", "skipped"))
        lines = [f"executor {self.executor!r}: {counts}"]
        for each in self.ended("failed"):
            lines += [f"FAILED {each.id}: {each.law}", *(f"    {line}" for line in each.message.splitlines())]
        for reason, count in Counter(each.message for each in self.ended("skipped")).most_common():
            lines.append(f"skipped {count}: {reason}")
        return "\n".join(lines)

    def to_json(self, path: str | Path | None = None) -> str:
        """The report with the versions it was made with as JSON, also written to `path`."""
        content: dict[str, Any] = {
            "executor": self.executor,
            "passed": self.passed,
            "counts": dict(Counter(each.status for each in self.outcomes)),
            "tolerances": dict(self.tolerances),
            "versions": {
                "irgraph": __version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "outcomes": [asdict(each) for each in self.outcomes],
        }
        text = json.dumps(content, indent=1)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text
