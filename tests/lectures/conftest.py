"""The lectures' programs, run in their small setting once for all tests of a program."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

LECTURES = Path(__file__).parent.parent.parent / "examples" / "lectures"


@cache
def run(number: int) -> dict[str, Any]:
    """The numbers of a program in its small setting; its picture is drawn to the last dot and thrown away."""
    sys.path.insert(0, str(LECTURES))
    try:
        gallery = importlib.import_module("gallery")
        (path,) = LECTURES.glob(f"{number:02}_*.py")
        main = gallery.load(path)
        figure, numbers = main(**gallery.small_setting(main))
        figure.canvas.draw()
        gallery.plt.close(figure)
        return dict(numbers)
    finally:
        sys.path.remove(str(LECTURES))


@pytest.fixture
def numbers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The numbers of the program that the test file is named after: test_03_neuron.py, program 03."""
    return run(int(request.path.stem.split("_")[1]))
