"""The pages of docs/ are true: their Python blocks run, print the text block that follows, and draw the
pictures of docs/pictures that the pages show.

`python tests/test_docs.py --write` puts the present output into the pages, and the pictures in their place.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from irgraph.op import OPS
from irgraph_array import KERNELS
from irgraph_cupy import KERNELS as CUDA_KERNELS

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?P<shown>\n```text\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
PICTURE = re.compile(r"!\[[^\]]*\]\((pictures/[^)]+)\)")
DRAWN = re.compile(r"!\[[^\]]*\]\((pictures/[^/)]+)\)")
"""A page's blocks draw its pictures; those in folders are drawn by programs, as the lectures' are."""
FILE = "example.py"


@contextlib.contextmanager
def module() -> Iterator[ModuleType]:
    """A module for the blocks of a page; the ops and kernels that they make are forgotten after."""
    tables: list[dict[Any, Any]] = [OPS, KERNELS, CUDA_KERNELS]
    kept = [dict(table) for table in tables]
    made = sys.modules["example"] = ModuleType("example")
    try:
        yield made
    finally:
        del sys.modules["example"]
        for table, before in zip(tables, kept, strict=True):
            for key in table.keys() - before.keys():
                del table[key]


def outputs(text: str) -> Iterator[str]:
    """What each block prints, or the last lines of its traceback. The blocks of a page are one program."""
    program = ""
    with module() as example:
        for block in BLOCK.finditer(text):
            code = compile("\n" * program.count("\n") + block["code"], FILE, "exec", dont_inherit=True)
            program += block["code"] + "\n"
            linecache.cache[FILE] = (len(program), None, program.splitlines(keepends=True), FILE)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                try:
                    exec(code, vars(example))
                except Exception as error:
                    if not block["shown"]:
                        raise
                    printed.write("".join(traceback.format_exception_only(error)))
            yield printed.getvalue()


def rewritten(text: str) -> str:
    """The page with the present outputs."""
    found = outputs(text)

    def replace(block: re.Match[str]) -> str:
        output = next(found)
        return f"```python\n{block['code']}```\n" + (
            f"\n```text\n{output}```\n" if block["shown"] or output else ""
        )

    return BLOCK.sub(replace, text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_print_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert rewritten(text) == text, f"{page.name} is out of date: python tests/test_docs.py --write"
    for picture in DRAWN.findall(text):
        drawn, shown = tmp_path / Path(picture).name, page.parent / picture
        assert drawn.read_text() == shown.read_text(), f"{picture} is out of date, as {page.name} would be"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_files_exist(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
        assert (page.parent / target).exists(), target
    files = [
        path.as_posix()
        for folder in ("irgraph", "executors", "tests")
        for path in (ROOT / folder).rglob("*.py")
    ]
    for target in re.findall(r"`([\w/]+\.py)`", prose):
        assert any(file.endswith(f"/{target}") for file in files), target


def test_every_picture_is_shown() -> None:
    shown = {picture for page in PAGES for picture in PICTURE.findall(page.read_text(encoding="utf-8"))}
    files = [path for path in (ROOT / "docs" / "pictures").rglob("*") if path.is_file()]
    assert shown == {path.relative_to(ROOT / "docs").as_posix() for path in files}


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: python tests/test_docs.py --write")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            page.write_text(rewritten(text), encoding="utf-8")
            for picture in DRAWN.findall(text):
                shutil.copy(Path(picture).name, page.parent / picture)


if __name__ == "__main__":
    main()
