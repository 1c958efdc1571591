"""`irgraph render`: a picture of an ONNX file, or of what a Python file or module defines."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from ..errors import IrgraphError, explain
from ..function import Function
from ..graph import Graph
from ..onnx import draw as draw_onnx
from ..value import Value
from ..view import Picture, draw
from ..view.dot import Direction
from ..view.drawing import SUFFIXES

USAGE = "MODEL.onnx, FILE.py:NAME or MODULE:NAME"


def render(
    target: str, out: Path | None, depth: str, options: dict[str, Any], graph_only: dict[str, Any]
) -> Path:
    """Write the picture and return its path. `graph_only` are options that ONNX models do not have.

    Raises IrgraphError for a target that names nothing to draw.
    """
    is_model = target.lower().endswith(".onnx")
    place, _, name = target.rpartition(":")
    if not is_model and not (place and name):
        raise IrgraphError(explain(f"the target {target!r}", USAGE))
    path = out or Path((Path(target).stem if is_model else name) + ".svg")
    _require("--out", path.suffix.lower(), SUFFIXES)
    _require("--direction", options["direction"], get_args(Direction))
    levels: Any = int(depth) if depth.isdecimal() else depth
    if not isinstance(levels, int):
        _require("--depth", depth, ("auto", "all", "a number"))
    picture: Picture
    if is_model:
        picture = draw_onnx(target, depth=levels, **options)
    else:
        picture = draw(find(place, name), depth=levels, **options, **graph_only)
    picture.save(path)
    return path


def _require(option: str, found: str, allowed: Sequence[str]) -> None:
    if found not in allowed:
        raise IrgraphError(explain(f"{option} {found!r}", f"one of {', '.join(allowed)}"))


def find(place: str, name: str) -> Any:
    """What a file or module defines under a dotted name; a function of no arguments is called for it.

    Raises IrgraphError where there is nothing, or nothing to draw.
    """
    found: Any = _module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            near = (
                difflib.get_close_matches(part, dir(found), n=3) or [n for n in dir(found) if n[0] != "_"][:8]
            )
            raise IrgraphError(
                explain(f"no {part!r} in {place}", f"one of its names, such as {', '.join(near)}")
            )
        found = getattr(found, part)
    if callable(found) and not isinstance(found, (Function, Graph, Value)):
        try:
            found = found()
        except Exception as error:
            raise IrgraphError(
                explain(
                    f"{place}:{name}(), which raises {type(error).__name__}: {error}",
                    "a function that returns a graph",
                )
            ) from error
    values = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(found, (Function, Graph, Value)) and not (
        isinstance(values, (list, tuple)) and values and all(isinstance(value, Value) for value in values)
    ):
        needed = "a Graph, a compiled function, values, or a function of no arguments that returns one"
        raise IrgraphError(explain(f"{place}:{name} of type {type(found).__name__}", needed))
    return found


def _module(place: str) -> ModuleType:
    path = Path(place)
    try:
        if path.suffix != ".py":
            sys.path.insert(0, "")
            return importlib.import_module(place)
        if not path.is_file():
            raise FileNotFoundError(f"no file {place}")
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)  # where classes that it defines look for it
        spec.loader.exec_module(module)
        return module
    except (IrgraphError, FileNotFoundError):
        raise
    except ModuleNotFoundError as error:
        if error.name == place.partition(".")[0]:
            raise IrgraphError(explain(f"no module {place!r}", USAGE)) from error
        raise IrgraphError(
            explain(f"{place}, which needs the module {error.name!r}", "it installed")
        ) from error
    except Exception as error:
        raise IrgraphError(
            explain(f"{place}, which raises {type(error).__name__}: {error}", "a file that imports")
        ) from error
