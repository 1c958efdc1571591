"""How wide one hidden layer must be: any activation will do but a polynomial; and what depth saves.

Leshno et al. (1993): one hidden layer approximates every continuous function, unless its activation is a
polynomial. Telgarsky (2016): k layers of two ReLUs make 2ᵏ pieces, one layer of N units N + 1 at most.
"""

import numpy as np
from diagrams import BLUE, GREEN, GREY, RED
from gallery import plt, show

import irgraph as ig

ACTIVATIONS = {"tanh": (ig.tanh, BLUE), "ReLU": (ig.relu, GREEN), "z³": (lambda z: z**3, RED)}


def readout(h, y):
    """The outputs w₀ + Σ wᵢ hᵢ that fit y best by least squares, and their RMS error."""
    rows = np.column_stack([np.ones(len(y)), h])
    fitted = rows @ np.linalg.lstsq(rows, y, rcond=None)[0]
    return fitted, float(np.sqrt(np.mean((fitted - y) ** 2)))


def sawtooth(depth, at):
    """The tent map, a layer of two ReLUs, applied `depth` times: its values and its slopes."""
    x = y = ig.input("x", ("points",), "float64")
    for _ in range(depth):
        y = 2 * ig.relu(y) - 4 * ig.relu(y - 0.5)
    return ig.compile([y, ig.grad(y.sum(), x)])(x=at)


def main(widths=(1, 2, 4, 8, 16, 32, 64), depth=4):
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.8))
    x, at, numbers = ig.input("x", ("points", 1), "float64"), np.linspace(-1, 1, 401), {}
    v, b = np.random.default_rng(0).uniform(-4, 4, (2, 64))  # random units do, if their readout is fitted
    for name, (g, colour) in ACTIVATIONS.items():
        h = ig.evaluate(g(x * v + b), x=at[:, None])
        numbers[name] = [readout(h[:, :n], np.abs(at))[1] for n in widths]
        left.loglog(widths, numbers[name], "o-", color=colour, label=f"{name} units")
    left.set(title="|x| by one layer: z³ stays a cubic", xlabel="hidden units N", ylabel="RMS error")
    at = (np.arange(1024) + 0.5) / 1024
    teeth = sawtooth(depth, at)[0]
    middle.plot(at, teeth, color=GREY, linewidth=3, label=f"{depth} layers of 2 units")
    for n, colour in ((2 * depth, RED), (2**depth, BLUE)):
        shallow, error = readout(ig.evaluate(ig.relu(x - np.arange(n) / 2**depth), x=at[:, None]), teeth)
        middle.plot(at, shallow, "--", color=colour, label=f"1 layer of {n} units: RMS error {error:.2f}")
        numbers[f"1 layer of {n}: RMS error"] = error
    middle.set(title="a sawtooth by deep and shallow networks", xlabel="x", ylabel="y", ylim=(-0.05, 1.5))
    units = 2 * np.arange(1, 9)
    pieces = [1 + np.count_nonzero(np.diff(sawtooth(n // 2, at)[1])) for n in units]
    right.semilogy(units, pieces, "o-", color=GREY, label="layers of 2 units")
    right.semilogy(units, units + 1, "s-", color=RED, label="1 layer: at most N + 1")
    right.set(title="linear pieces that N ReLUs make", xlabel="hidden units N", ylabel="pieces")
    for axis in (left, middle, right):
        axis.legend()
    return figure, numbers | {"pieces": [int(count) for count in pieces]}


if __name__ == "__main__":
    show(main)
