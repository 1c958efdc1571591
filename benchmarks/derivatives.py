"""First and second derivatives of every case of the law table, in float64, against JAX.

JAX runs the forward graph (`jax_graph`) and differentiates it by itself: the gradient of Re <c, f(x)> for a
random c, and the derivative of that gradient in a random direction.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.peers import installed
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module

PURPOSE = "largest difference from JAX's derivatives over all cases of an op, of the larger of 1 and the norm"
TOLERANCE = 1e-9
TARGET = f"<= {TOLERANCE:g}"


def run(options: Options) -> list[Row]:
    """Compare all ops in one process, which JAX is imported into."""
    if not installed("jax"):
        return [missing("derivatives", "JAX", "not installed", TARGET)]
    try:
        found: Any = json_of_module("benchmarks.derivatives", threads=options.threads)
    except PeerError as error:
        return [missing("derivatives", "JAX", str(error), TARGET)]
    rows = []
    for op, (first, second, cases) in sorted(found["ops"].items()):
        worst = max(first, second)
        note = f"first order {first:.1e}, second {second:.1e}, {cases} cases"
        rows.append(Row(op, "irgraph", worst, "", target=TARGET, met=worst <= TOLERANCE, note=note))
    for op, why in sorted(found["left out"].items()):
        rows.append(missing(op, "irgraph", why, TARGET))
    return rows


def main() -> None:
    """Print what was found of each op, as JSON."""
    import jax

    from benchmarks.jax_graph import Untranslated
    from irgraph.op import OPS
    from irgraph.testing import CASES

    jax.config.update("jax_enable_x64", True)
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
    left_out: dict[str, str] = {}
    for case in CASES:
        if "float64" not in case.dtypes or not case.differentiable or OPS[case.op].source:
            continue
        if not any(y.dtype.is_inexact for y in case.build_graph("float64").outputs):
            continue
        try:
            first, second = compare(case)
        except Untranslated as error:
            left_out[case.op] = f"JAX has no rule here for {error}"
            continue
        except NotImplementedError as error:
            left_out[str(case)] = f"JAX: {error}"
            continue
        except (TypeError, ValueError) as error:  # ours or JAX's: either way this case shows nothing
            print(f"{case}: {error}", file=sys.stderr)
            first = second = float("inf")
        entry = found[case.op]
        entry[:] = [max(entry[0], first), max(entry[1], second), entry[2] + 1]
        if max(first, second) > TOLERANCE:
            print(f"{case}: {first:.2e} {second:.2e}", file=sys.stderr)
    print(json.dumps({"ops": found, "left out": left_out}))


def compare(case: Any) -> tuple[float, float]:
    """The differences of the gradient and of its derivative."""
    import jax

    import irgraph as ig
    from benchmarks.jax_graph import run as run_in_jax

    rng = np.random.default_rng(zlib.crc32(str(case).encode()))
    values = case.values("float64")
    ends = [y for y in case.results(values) if y.dtype.is_inexact]
    wrt = [values[name] for name in case.differentiable]
    feeds = case.sample(rng, "float64")
    weights = [normal(rng, y) for y in ends]
    tangents = [normal(rng, x) for x in wrt]

    pulled = ig.vjp(ends, wrt, [ig.constant(w) for w in weights], disconnected="zero")
    pushed = ig.jvp(pulled, wrt, [ig.constant(t) for t in tangents])
    ours = ig.compile([*pulled, *pushed])
    mine = ours(**{name: feeds[name] for name in ours.graph.inputs})

    fixed = {values[name]: feeds[name] for name in values if name not in case.differentiable}

    def loss(*points: Any) -> Any:
        results = run_in_jax(ends, fixed | dict(zip(wrt, points, strict=True)))
        return sum((w * y).sum().real for w, y in zip(weights, results, strict=True))

    def both(points: Any, directions: Any) -> Any:
        return jax.jvp(jax.grad(loss, tuple(range(len(wrt)))), points, directions)

    points = tuple(feeds[name] for name in case.differentiable)
    first, second = jax.jit(both)(points, tuple(tangents))
    count = len(wrt)
    return distance(mine[:count], first), distance(mine[count:], second)


def normal(rng: np.random.Generator, value: Any) -> Any:
    """Random numbers of a value's shape; in both parts where it is complex."""
    real = rng.standard_normal(value.shape)
    return real + 1j * rng.standard_normal(value.shape) if value.dtype.is_complex else real


def distance(found: Any, wanted: Any) -> float:
    """The largest difference of two lists of arrays, in units of the larger of 1 and the largest element."""
    worst = 0.0
    for a, b in zip(found, wanted, strict=True):
        if np.size(b):
            scale = max(1.0, float(np.abs(b).max()))
            error = float(np.abs(np.asarray(a) - np.asarray(b)).max()) / scale
            worst = max(worst, error if error == error else float("inf"))
    return worst


if __name__ == "__main__":
    main()
