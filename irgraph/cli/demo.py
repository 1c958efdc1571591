"""`irgraph demo`: train, count, export, replay, draw."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .. import onnx
from ..dims import bind
from ..extras import MissingExtra, import_extra
from ..function import Function
from . import digits
from .digits import BATCH, Array, Epoch, Examples, Network

EPOCHS = 40
TARGET = 0.96
TOLERANCE = 1e-4  # between our logits and ONNX Runtime's, which are of the order of 10


def run(console: Console, out: Path, seed: int, epochs: int, data: Path | None) -> bool:
    """Run the whole demo; True if the accuracy is reached and the exported model agrees.

    Raises MissingExtra without scikit-learn (unless `data` is a file) or Matplotlib.
    """
    started = time.perf_counter()
    import_extra("matplotlib.figure", "demo", "draw the training curve")
    out.mkdir(parents=True, exist_ok=True)
    seen, held_out = digits.split(digits.load(data), seed)
    console.print(
        f"{len(seen)} handwritten digits of 8x8 to learn from, {len(held_out)} held out (seed {seed})"
    )
    compiling = time.perf_counter()
    network = digits.build(seed)
    compiled = time.perf_counter() - compiling
    history = _follow(console, digits.train(network, seen, held_out, epochs, seed), epochs)
    console.print(_summary(network, history, compiled))
    agrees = _export(console, network, held_out, out / "digits.onnx")
    _draw(history, out / "training.png")
    (out / "step.txt").write_text(str(network.step.graph).rstrip() + "\n", encoding="utf-8")
    reached = history[-1].accuracy >= TARGET
    if not reached:
        found = _percent(history[-1].accuracy)
        console.print(f"{found} is below {100 * TARGET:g} %; more epochs may help", style="red")
    _show_files(console, out, time.perf_counter() - started)
    return reached and agrees


# ------------------------------------------------------------------------------------ training


def _follow(console: Console, epochs: Iterable[Epoch], total: int) -> list[Epoch]:
    """Run the epochs under a progress bar, or with a line now and then where there is no terminal."""
    if not console.is_terminal:
        return _follow_in_lines(console, epochs, total)
    history = []
    columns = (TextColumn("training"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)
        for epoch in epochs:
            history.append(epoch)
            progress.update(task, advance=1, description=_line(len(history), total, epoch))
    return history


def _follow_in_lines(console: Console, epochs: Iterable[Epoch], total: int) -> list[Epoch]:
    history = []
    for epoch in epochs:
        history.append(epoch)
        if len(history) % max(1, total // 8) == 0 or len(history) == total:
            console.print(_line(len(history), total, epoch))
    return history


def _line(number: int, total: int, epoch: Epoch) -> str:
    loss = np.mean(epoch.losses)
    return f"epoch {number:>{len(str(total))}}/{total}  loss {loss:.4f}  held-out {_percent(epoch.accuracy)}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


# ------------------------------------------------------------------------------------- numbers


def _summary(network: Network, history: list[Epoch], compiled: float) -> Table:
    step = network.step
    memory = step.memory(batch=BATCH)
    flops = bind(step.cost().flops, {"batch": BATCH})
    seconds = sum(epoch.seconds for epoch in history)
    images = BATCH * sum(len(epoch.losses) for epoch in history)
    sizes = "-".join(map(str, (digits.PIXELS, *digits.HIDDEN, digits.CLASSES)))
    rows = {
        "network": f"{len(digits.HIDDEN) + 1} layers, {sizes}, ReLU; Adam, batches of {BATCH}",
        "graph": f"{_ops(network.predict)} ops forward, {_ops(step)} with gradients and Adam",
        "parameters": f"{network.parameters:,}",
        "one step": f"{flops:,} flops",
        "memory": f"{_kib(memory.peak)} planned for a step, {_kib(memory.state)} of state",
        "compiling": f"{compiled:.2f} s",
        "training": f"{seconds:.2f} s, {images / seconds:,.0f} images/s",
        "held-out": f"{_percent(history[-1].accuracy)} right",
    }
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def _ops(function: Function) -> int:
    """The nodes of the lowered graph that compute something."""
    return sum(not node.op.source for node in function.program.graph.nodes)


def _kib(count: int) -> str:
    return f"{count / 1024:,.1f} KiB"


# -------------------------------------------------------------------------------------- export


def _export(console: Console, network: Network, held_out: Examples, path: Path) -> bool:
    """Write the classifier and run it in ONNX Runtime; False where that answers otherwise than we do."""
    report = onnx.save(network.predict, path)
    console.print(str(report), soft_wrap=True)
    try:
        replayed = _replay(path, held_out.images)
    except MissingExtra as error:
        console.print(f"replay skipped: {error}", soft_wrap=True)
        return True
    ours = network.predict(x=held_out.images)
    distance = float(np.abs(replayed - ours).max())
    right = [digits.accuracy(logits, held_out.labels) for logits in (ours, replayed)]
    agrees = right[0] == right[1] and distance <= TOLERANCE
    console.print(
        f"ONNX Runtime on the held-out digits: {_percent(right[1])} right, irgraph {_percent(right[0])}; "
        f"the logits differ by at most {distance:.1e}" + ("" if agrees else ": that is too much"),
        style="" if agrees else "red",
        soft_wrap=True,
    )
    return agrees


def _replay(path: Path, images: Array) -> Array:
    runtime = import_extra("onnxruntime", "demo", "replay the exported model")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logits: Array = session.run(None, {"x": images})[0]
    return logits


def _draw(history: list[Epoch], path: Path) -> None:
    from ..view.plots import training_curve

    losses = [loss for epoch in history for loss in epoch.losses]
    accuracies = [epoch.accuracy for epoch in history]
    training_curve(losses, accuracies, TARGET, "Handwritten digits, trained as a static graph").savefig(path)


def _show_files(console: Console, out: Path, seconds: float) -> None:
    """What was written, and what to do with it."""
    files = Table.grid(padding=(0, 2))
    files.add_column(no_wrap=True)
    files.add_row("  digits.onnx", "the trained classifier, for any ONNX runtime")
    files.add_row("  training.png", "the loss of every step, and the held-out accuracy")
    files.add_row("  step.txt", "the whole training step as text: forward, backward, Adam")
    console.print(f"\nwrote to {out}/ in {seconds:.1f} s", soft_wrap=True)
    console.print(files)
    console.print("\nnext: irgraph demo --seed 1       another split, other weights")
    console.print("      irgraph doctor              what irgraph finds on this machine")
