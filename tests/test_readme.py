"""The README says what the program does: its Python blocks run, and their output is the text beside them.

`python tests/test_readme.py --write` puts the present output into README.md.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAIR = re.compile(
    r"(?<=```python\n)(?P<code>(?:(?!```).)*)(?P<between>```\n(?:(?!```).)*```text\n)(?P<output>(?:(?!```).)*)",
    re.DOTALL,
)
FILE = "example.py"


def outputs(text: str) -> Iterator[str]:
    """The output of each Python block: what it prints, or the last lines of its traceback.

    The blocks are one program, in the file example.py, with an empty line between them.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    program = ""
    for pair in PAIR.finditer(text):
        code = compile("\n" * program.count("\n") + pair["code"], FILE, "exec")
        program += pair["code"] + "\n"
        linecache.cache[FILE] = (len(program), None, program.splitlines(keepends=True), FILE)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(code, namespace)
            except Exception as error:
                printed.write("".join(traceback.format_exception_only(error)))
        yield printed.getvalue()


def rewritten(text: str) -> str:
    """The README with the present outputs."""
    found = outputs(text)
    return PAIR.sub(lambda pair: pair["code"] + pair["between"] + next(found), text)


def test_blocks_print_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8")
    assert text.count("```python") == len(PAIR.findall(text)) > 0
    assert rewritten(text) == text, "README.md is out of date: python tests/test_readme.py --write"


def test_every_path_in_the_readme_exists() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    folders = re.findall(r"^([a-z_/]+(?:/|\.py)) ", text, re.MULTILINE)
    assert len(folders) > 10
    assert [path for path in links + folders if not (ROOT / path).exists()] == []


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: python tests/test_readme.py --write")
    text = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        text = rewritten(text)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
