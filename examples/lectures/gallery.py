"""The lectures' programs as a gallery: each draws one picture and returns the numbers of the notes.

`python examples/lectures/gallery.py` runs all of them and writes docs/pictures/lectures/; a program by
itself prints its numbers and writes its picture into the current folder. `--small` takes each program's
small setting.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import time
import timeit
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from cycler import cycler
from diagrams import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY
from PIL import Image
from threadpoolctl import threadpool_limits

HERE = Path(__file__).parent
PICTURES = HERE.parent.parent / "docs" / "pictures" / "lectures"
STYLE = {
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED, SKY, PINK, GREY]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.size": 10,
    "grid.alpha": 0.25,
    "image.cmap": "RdBu_r",
    "legend.frameon": False,
    "savefig.bbox": "tight",
}
plt.rcParams.update(STYLE)
threadpool_limits(1, "blas")  # these arrays are small, and threads that wait for each other take the time

Numbers = Mapping[str, Any]
Main = Callable[..., tuple[Any, Numbers]]


def show(main: Main) -> None:
    """Run a program from the command line: print its numbers, save its picture."""
    parser = argparse.ArgumentParser(description=inspect.getdoc(inspect.getmodule(main)))
    parser.add_argument("--small", action="store_true", help="the small setting, in seconds")
    parser.add_argument("--out", type=Path, default=Path(), help="the folder of the picture")
    asked = parser.parse_args()
    name = Path(inspect.getfile(main)).stem
    save(*main(**small_setting(main) if asked.small else {}), asked.out / f"{name}.png")


def save(figure: Any, numbers: Numbers, path: Path) -> None:
    """Print the numbers and save the picture."""
    for what, number in numbers.items():
        print(f"{what}: {number}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)
    with Image.open(path) as picture:  # 256 colours do for a plot, in a third of the bytes
        palette = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(path, optimize=True)
    print(f"wrote {path}")


def fastest(run: Callable[..., Any], repeats: int, *given: Any, **named: Any) -> float:
    """The microseconds of the fastest of some calls."""
    return 1e6 * min(timeit.repeat(lambda: run(*given, **named), number=1, repeat=repeats))


def programs() -> list[Path]:
    """The programs in the order of the lectures."""
    return sorted(HERE.glob("[0-9][0-9]*_*.py"))


def load(path: Path) -> Main:
    """A program's `main`."""
    spec = importlib.util.spec_from_file_location(f"lecture_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Main = module.main
    main.__globals__.setdefault("SMALL", {})
    return main


def small_setting(main: Main) -> dict[str, Any]:
    """What `main` is called with where seconds matter: the module's `SMALL`."""
    return dict(main.__globals__.get("SMALL", {}))


def build(folder: Path = PICTURES, small: bool = False) -> None:
    """Run all programs and save their pictures."""
    started = time.perf_counter()
    for path in programs():
        print(f"--- {path.name}")
        main = load(path)
        save(*main(**small_setting(main) if small else {}), folder / f"{path.stem}.png")
    print(f"{len(programs())} pictures in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="the small settings")
    parser.add_argument("--out", type=Path, default=PICTURES, help="the folder of the pictures")
    arguments = parser.parse_args()
    build(arguments.out, arguments.small)
