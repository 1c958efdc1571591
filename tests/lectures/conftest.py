"""The lectures' programs, run in their small setting once for all tests of a program."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

LECTURES = Path(__file__).parent.parent.parent / "examples" / "lectures"


@cache
def load(number: str) -> Any:
    """The `main` of a program."""
    sys.path.insert(0, str(LECTURES))
    try:
        (path,) = LECTURES.glob(f"{number}_*.py")
        return importlib.import_module("gallery").load(path)
    finally:
        sys.path.remove(str(LECTURES))


@cache
def run(number: str) -> dict[str, Any]:
    """The numbers of a program in its small setting; its picture is drawn to the last dot and thrown away."""
    main = load(number)
    figure, numbers = main(**main.__globals__.get("SMALL", {}))
    figure.canvas.draw()
    main.__globals__["plt"].close(figure)
    return dict(numbers)


def number_of(request: pytest.FixtureRequest) -> str:
    """The number of the program that the test file is named after: test_03_neuron.py, program 03."""
    return request.path.stem.split("_")[1]


@pytest.fixture
def numbers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The numbers of the program."""
    return run(number_of(request))


@pytest.fixture
def program(request: pytest.FixtureRequest) -> SimpleNamespace:
    """The names of the program, to test its functions by themselves."""
    return SimpleNamespace(**load(number_of(request)).__globals__)
