"""Checkpointing: a reverse sweep that keeps the first value of each segment, and computes the others again.

A chain of L layers kept whole takes memory for L values. Of k segments it takes k values and those of one
segment, L / k: least at k = √L, for less than one more forward pass.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"layers": 16, "batch": 64}


def sweep(layers, segments, batch):
    """The gradient of the last value's sum towards the first value; the peak of bytes, and the flops."""
    y = x = ig.input("x", (batch, 64))
    w = ig.parameter("W", (64, 64), init=ig.init.orthogonal())
    for _ in range(layers // segments):
        y = ig.tanh(y @ w)
    forward = ig.compile(y)
    pull = ig.compile(ig.vjp(y, x, ig.input("c", (batch, 64))), state=forward.state)
    kept = [np.random.default_rng(0).normal(size=(batch, 64)).astype("float32")]
    while len(kept) < segments:
        kept.append(forward(x=kept[-1]))
    peak = sum(each.nbytes for each in kept) + pull.memory().peak
    flops = (segments - 1) * forward.cost().flops + segments * pull.cost().flops
    gradient = np.ones((batch, 64), "float32")
    while kept:
        gradient = pull(x=kept.pop(), c=gradient)
    return peak, flops, gradient


def main(layers=64, batch=256):
    segments = [2**n for n in range(layers.bit_length())]
    peaks, flops, gradients = zip(*(sweep(layers, k, batch) for k in segments), strict=True)
    difference = max(float(np.abs(each - gradients[0]).max()) for each in gradients)

    figure, (memory, work) = plt.subplots(1, 2, figsize=(11, 4))
    memory.plot(segments, np.array(peaks) / 1e6, "o-")
    memory.axvline(np.sqrt(layers), color="C1", linestyle="--", label="k = √L")
    memory.set(title=f"Peak memory of a reverse sweep, L = {layers} layers", ylabel="MB")
    work.plot(segments, np.array(flops) / flops[0], "o-")
    work.axhline(1.5, color="C1", linestyle="--", label="one more forward pass")
    work.set(title="Its work, of that with everything kept", ylabel="flops, 1 segment = 1", ylim=(0.95, 1.6))
    for axis in (memory, work):
        axis.set_xscale("log", base=2)
        axis.set(xlabel="segments k", xticks=segments, xticklabels=segments)
        axis.legend()
    numbers = {"layers": layers, "segments": segments, "peak bytes": peaks, "flops": flops}
    return figure, {**numbers, "largest difference of gradients": difference}


if __name__ == "__main__":
    show(main)
