"""What holds for every program of the lectures: it is short, uses public names, has a picture and a row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import irgraph as ig

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = sorted((ROOT / "examples" / "lectures").glob("[0-9][0-9]*_*.py"))
GALLERY = ROOT / "docs" / "lectures.md"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_is_short_and_public(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 60
    assert not re.findall(r"\b_\w*[a-z]", text.replace("__name__", "").replace("__main__", ""))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
            assert all(name == "irgraph" or not name.startswith("irgraph") for name in names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ig":
            assert node.attr in ig.__all__


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_has_tests_a_picture_and_a_row(path: Path) -> None:
    assert (ROOT / "tests" / "lectures" / f"test_{path.stem}.py").exists()
    assert (ROOT / "docs" / "pictures" / "lectures" / f"{path.stem}.png").exists()
    text = GALLERY.read_text()
    assert f"../examples/lectures/{path.name}" in text
    assert f"pictures/lectures/{path.stem}.png" in text
