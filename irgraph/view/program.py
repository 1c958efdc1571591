"""The program that lays DOT text out: Graphviz's `dot`, or the port of it that the extra `view` brings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig

from ..errors import IrgraphError, explain
from ..extras import MissingExtra, pip_command

PORT, DOT = "graphviz-pure", "dot"
PORT_FORMATS = ("svg", "png")
INSTALL = (pip_command("view"), "Debian, Ubuntu: apt install graphviz", "macOS: brew install graphviz")

_TOOLTIP = re.compile(r'<title>[^<]*(</title>\n<g id="a_[^"]*"><a) xlink:title="([^"]*)"')


def find_program(format: str = "svg") -> str:
    """The path of a program that writes a format.

    The port goes first, as it writes the same bytes everywhere. Raises MissingExtra, with the ways to
    install one, where there is none.
    """
    port = shutil.which(PORT, path=sysconfig.get_path("scripts")) or shutil.which(PORT)
    found = port if format in PORT_FORMATS and port else shutil.which(DOT)
    if found is None:
        ways = INSTALL if format in PORT_FORMATS else INSTALL[1:]
        raise MissingExtra(
            explain(f"no program that lays graphs out as {format}", "Graphviz's dot, from any of these")
            + "".join(f"\n  {way}" for way in ways)
        )
    return found


def lay_out(dot: str, format: str, dpi: int = 96, seconds: float | None = None) -> bytes:
    """What the program writes for some DOT text.

    Raises IrgraphError with its words where it fails, or where it takes longer than some seconds.
    """
    program = find_program(format)
    try:
        done = subprocess.run(
            [program, f"-T{format}", f"-Gdpi={dpi}"] if format == "png" else [program, f"-T{format}"],
            input=dot.encode(),
            capture_output=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        found = f"{program} at work on a picture for more than {seconds:g} s"
        raise IrgraphError(explain(found, "a smaller one", do="Collapse it with depth=.")) from error
    except OSError as error:
        raise IrgraphError(explain(f"{program}, which does not run ({error})", "Graphviz's dot")) from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise IrgraphError(explain(f"{program} fails: {words}", "a picture"))
    return done.stdout


def to_svg(dot: str, seconds: float | None = None) -> str:
    """The SVG element of some DOT text, with tooltips as titles, which all browsers show."""
    text = lay_out(dot, "svg", seconds=seconds).decode()
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = _TOOLTIP.sub(r"<title>\2\1", text)
    return re.sub(r"<title>\s*</title>\n|<title>\w*</title>\n", "", text)
