"""The commands, and how errors reach the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from .. import __version__
from ..autodiff.elimination import EFFORT, Counting
from ..errors import IrgraphError
from . import demo as demos
from . import doctor as doctors
from . import plans
from . import render as renders

app = typer.Typer(name="irgraph", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on these arguments, by default the process's own. Always raises SystemExit.

    Errors of irgraph and of the file system are shown as messages without a traceback, with exit code 1.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="irgraph")
    except IrgraphError as error:
        _show_error("\n".join([str(error), *(f"  {note}" for note in getattr(error, "__notes__", ()))]))
    except OSError as error:
        _show_error(str(error))
    sys.exit(1)


def console() -> Console:
    """A console on the current standard output, which prints text as it is."""
    return Console(markup=False, highlight=False, emoji=False)


def _show_error(message: str) -> None:
    text = Text.assemble(("error: ", "bold red"), message)
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"irgraph {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Models as static graphs: compiled gradients, planned memory, ONNX."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder to write to.")] = Path("out"),
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the weights and the batches.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = demos.EPOCHS,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A CSV file, may be gzipped, of 64 pixels in 0..16 and a label in a row, instead of "
            "scikit-learn's digits.",
        ),
    ] = None,
) -> None:
    """Learn handwritten digits, and export the model to ONNX."""
    if not demos.run(console(), out, seed, epochs, data):
        raise typer.Exit(1)


@app.command()
def conformance(
    name: Annotated[str, typer.Argument(help="An installed executor.")] = "numpy",
    only: Annotated[str, typer.Option(help="Run the checks whose id contains this.")] = "",
    out: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="Also write the report here.")
    ] = None,
) -> None:
    """Hold an executor to its contract and to the values of every op."""
    from ..testing import conformance as run

    report = run(name, only)
    console().print(str(report))
    if out is not None:
        report.to_json(out)
    if not report.passed:
        raise typer.Exit(1)


ReadableFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]


@app.command()
def plan_chain(
    file: ReadableFile,
    memory: Annotated[int | None, typer.Option(min=0, help="The largest tape of a reverse sweep.")] = None,
) -> None:
    """Print the cheapest order of a chain of Jacobians as JSON."""
    typer.echo(json.dumps(plans.chain(file, memory), indent=1))


@app.command()
def plan_dag(
    file: ReadableFile,
    counting: Annotated[Counting, typer.Option(help="Which multiplications count.")] = "all",
    effort: Annotated[int, typer.Option(min=0, help="Changes of the graph that a search may make.")] = EFFORT,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
) -> None:
    """Print a good order of eliminating the vertices of a DAG as JSON."""
    typer.echo(json.dumps(plans.dag(file, counting, effort, seed), indent=1))


@app.command()
def render(
    target: Annotated[str, typer.Argument(help="MODEL.onnx, FILE.py:NAME or MODULE:NAME.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The .svg, .png, .pdf, .dot or .gv file; by default an .svg named after it."
        ),
    ] = None,
    depth: Annotated[
        str, typer.Option(help='Collapse layers to so many parts of their paths; "all" shows every node.')
    ] = "auto",
    direction: Annotated[str, typer.Option(help='"down" or "right".')] = "down",
    title: Annotated[str, typer.Option(help="Written below.")] = "",
    shapes: Annotated[bool, typer.Option(help="Label arrows with shapes.")] = True,
    legend: Annotated[bool, typer.Option(help="Explain the colours.")] = True,
    updates: Annotated[bool, typer.Option("--updates", help="Show the optimizer's arithmetic.")] = False,
    constants: Annotated[bool, typer.Option("--constants", help="Show constants as boxes.")] = False,
    parameters: Annotated[bool, typer.Option("--parameters", help="Show parameters as boxes.")] = False,
) -> None:
    """Draw an ONNX file, or a graph, function or value that a Python file or module defines."""
    options = {"direction": direction, "title": title, "shapes": shapes, "legend": legend}
    graph_only = {"updates": updates, "constants": constants, "parameters": parameters}
    path = renders.render(target, out, depth, options, graph_only)
    console().print(f"wrote {path}", soft_wrap=True)


@app.command()
def doctor() -> None:
    """Show what irgraph finds on this machine, and what is missing."""
    if not doctors.run(console()):
        raise typer.Exit(1)
