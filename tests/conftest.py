"""What tests of several rooms share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

collect_ignore = ["data"]  # the programs there made the numbers, with packages that tests do without


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C as Python handles it: a process in the background may have been started without."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)
