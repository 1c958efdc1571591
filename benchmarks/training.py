"""The Trainer against a bare loop over the same batches, on the same kind of step.

The bare loop calls a compiled step (loss and updates, nothing else) on batches that were cut before. The
Trainer shuffles, gathers each batch, refuses a loss that is not finite, keeps means, looks at the data, and
copies the state once an epoch. Both train in one process (``python -m benchmarks.training WIDTH``), in turn,
in an order that alternates; after each round all weights of both are compared. The overhead of a process is
the median over its rounds of the quotient of the two, and the row tells the median of several processes, for
where the memory of the two happens to lie moves the quotient of one process by some percent. One thread, and
seconds of the process's CPU, so that what else runs on the machine counts little; wall-clock quotients are in
the details.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module

PURPOSE = "seconds of CPU of a training step in Trainer.fit and in a bare loop, on one thread"
Array = np.ndarray[Any, Any]
CASES = {"16": "MLP 784-16-10", "300": "MLP 784-300-300-10", "512": "MLP 784-512-512-10"}
EXAMPLES, BATCH, EPOCHS, ROUNDS, PROCESSES = 4000, 32, 5, 7, 7
LIMIT, AT = 1.05, 1e-3


def run(options: Options) -> list[Row]:
    """Measure each network with the Trainer, with and without a metric."""
    rows = []
    for width, title in CASES.items():
        what = f"{title}, B={BATCH}"
        if not PEERS["irgraph"].installed():
            rows.append(missing(what, "irgraph", "not installed"))
            continue
        try:
            tried = [json_of_module("benchmarks.training", width, threads=1) for _ in range(PROCESSES)]
        except PeerError as error:
            rows.append(missing(what, "irgraph", str(error)))
            continue
        found = {key: statistics.median(each[key] for each in tried) for key in tried[0]}
        rows.append(Row(what, "bare loop", found["bare"]))
        row = Row(what, "Trainer", found["trainer"])
        row.note = f"{found['quotient']:.3f} x the bare loop, {found['overhead'] * 1e6:.0f} us a step more"
        row.detail = {**found, "quotients": sorted(each["quotient"] for each in tried)}
        if found["bare"] >= 0.8 * AT:
            row.target = f"<= {LIMIT} x the bare loop"
            row.met = found["quotient"] <= LIMIT
        rows.append(row)
    return rows


def measure(width: int) -> dict[str, float]:
    """Return the median seconds of a step both ways, the median quotient and difference."""
    import irgraph as ig
    from irgraph.train.data import shuffled

    sizes = (width,) if width < 100 else (width, width)

    def model(x: ig.Value) -> ig.Value:
        size = 784
        for n, each in enumerate(sizes):
            w = ig.parameter(f"{n}.w", (size, each), init=ig.init.he_normal())
            x, size = ig.relu(x @ w + ig.parameter(f"{n}.b", (each,))), each
        w = ig.parameter("o.w", (size, 10), init=ig.init.glorot_uniform())
        return x @ w + ig.parameter("o.b", (10,))

    random = np.random.default_rng(0)
    data = random.normal(size=(EXAMPLES, 784)).astype("float32")
    labels = random.integers(10, size=EXAMPLES)
    x, y = ig.input("x", ("batch", 784)), ig.input("y", ("batch",), "int64")
    loss = ig.losses.softmax_cross_entropy(model(x), y)
    step = ig.compile(loss, updates=ig.optim.SGD(1e-4).minimize(loss))
    trainer = ig.Trainer(model, "softmax_cross_entropy", ig.optim.SGD(1e-4))

    def bare(first: int) -> Array:
        batches = []
        for epoch in range(first, first + EPOCHS):
            order = shuffled(EXAMPLES, 0, epoch)
            rows = [order[start : start + BATCH] for start in range(0, EXAMPLES, BATCH)]
            batches += [{"x": data[each], "y": labels[each]} for each in rows]
        started = _now()
        for batch in batches:
            step(**batch)
        return _now() - started

    def trained(first: int) -> Array:
        started = _now()
        trainer.fit(data, labels, batch_size=BATCH, epochs=EPOCHS, progress=False)
        return _now() - started

    for _ in range(2):
        bare(0), trained(0)
    return _in_turn(bare, trained, step, trainer)


def _in_turn(bare_loop: Any, trainer_loop: Any, step: Any, trainer: Any) -> dict[str, float]:
    start = {name: step.state[name] for name in step.state}
    one: list[Array] = []
    two: list[Array] = []
    for turn in range(ROUNDS):
        epoch = trainer.position.epoch
        for state in (step.state, trainer.state):
            state.update(start)
        for call, times in ((bare_loop, one), (trainer_loop, two))[:: 1 if turn % 2 else -1]:
            times.append(call(epoch))
        assert all((step.state[name] == trainer.state[name]).all() for name in start)
    steps = EPOCHS * (EXAMPLES // BATCH)
    bare, trained = np.array(one), np.array(two)  # rounds x (CPU, wall)
    quotient = np.median(trained / bare, axis=0)
    return {
        "bare": float(np.median(bare[:, 0])) / steps,
        "trainer": float(np.median(trained[:, 0])) / steps,
        "quotient": float(quotient[0]),
        "wall quotient": float(quotient[1]),
        "overhead": float(np.median(trained - bare, axis=0)[0]) / steps,
    }


def _now() -> Array:
    return np.array([time.process_time(), time.perf_counter()])


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
