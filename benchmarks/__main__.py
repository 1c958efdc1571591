"""The command line: ``python -m benchmarks [GROUP …]``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

from benchmarks.peers import PEERS
from benchmarks.problems import PROBLEMS
from benchmarks.report import RESULTS, Options, save, show

GROUPS = {
    "steps": "training steps against NumPy by hand and the peers",
    "compile": "time to the first step, and for a second batch size",
    "chain": "100,000 nodes: build, gradient, compile, print",
    "imports": "time of `import irgraph` and what it loads",
    "install": "size of the core install over NumPy",
    "memory": "planned, allocated and kept bytes of a step",
    "training": "the Trainer against a bare loop over the same compiled step",
    "resuming": "trainings killed at 50 moments and resumed",
    "outputs": "calls with outputs of 2, 16 and 78 MB, handed over and copied",
    "derivatives": "first and second derivatives of every op against JAX's",
    "random": "10,000 random graphs against NumPy in float64",
    "conv": "convolutions and steps of convolutional networks against torch, on NumPy and in ONNX Runtime",
    "lenet": "a LeNet-like network of layers, one training step with momentum, against torch eager",
    "recurrent": "an LSTM, its training step against torch eager, and compiling it for more positions",
    "jacobian": "Jacobians and Hessians against JAX and torch; planning; memory",
    "flops": "predicted flops against XLA's count",
    "accuracy": "what networks learn of MNIST's digits, and an autoencoder beside PCA",
    "elimination": "multiplications of elimination orders against published ones",
}
MODULES = {"compile": "compile_time", "install": "install_size", "random": "random_graphs"}


def main() -> None:
    """Run the groups asked for, write their JSON files, and print their tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure irgraph beside its peers; results go to one JSON file for each group.",
        epilog="Groups: " + "; ".join(f"{name}: {what}" for name, what in GROUPS.items()) + ".",
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="all groups where none is given")
    parser.add_argument("--rounds", type=int, help="rounds of turns; each group has its own default")
    parser.add_argument("--threads", type=int, default=cores, help=f"threads of every pool (default {cores})")
    parser.add_argument("--peers", nargs="+", default=[], choices=PEERS, help="only these peers (and NumPy)")
    parser.add_argument("--problems", nargs="+", default=[], choices=PROBLEMS, help="only these networks")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="only Jacobians titled so")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.groups if name not in GROUPS]
    if unknown:
        parser.error(f"no group is called {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    options = Options(
        chosen.threads,
        chosen.rounds,
        tuple(chosen.peers),
        tuple(chosen.problems),
        chosen.results.resolve(),
        tuple(chosen.only),
    )
    for name in chosen.groups or GROUPS:
        group = importlib.import_module(f"benchmarks.{MODULES.get(name, name)}")
        print(f"{name}: {GROUPS[name]} …", file=sys.stderr, flush=True)
        started = time.perf_counter()
        rows = group.run(options)
        save(name, group.PURPOSE, rows, options)
        show(f"{name}: {group.PURPOSE} ({time.perf_counter() - started:.0f} s)", rows)


if __name__ == "__main__":
    main()
