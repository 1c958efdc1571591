"""What the theorem does not say: how wide the layer must be in d dimensions, and how to find its parameters.

The number of units for one error grows with d at an exponential rate. And a network may exist that gradient
descent does not find: the parity of some of 30 bits, after Shalev-Shwartz et al. (2017).
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 250, "bits": (8, 30), "points": 1000, "widths": (4, 16, 64, 256)}


def approximation(d, widths, points):
    """RMS errors on new points of a function of variance 1: random tanh units, fitted readout."""
    random, drawn = np.random.default_rng(0), np.random.default_rng(1).normal(size=(max(widths), d + 1))
    k, phase = random.normal(scale=2, size=(d, 300)), random.uniform(0, 7, 300)
    x = ig.input("x", ("points", d), "float64")
    units = ig.compile(ig.tanh(x @ (2 / d**0.5 * drawn[:, :d].T) + drawn[:, d]))
    x = random.uniform(-1, 1, (2, points, d))
    (y, truth), (h, new) = np.cos(x @ k + phase).sum(axis=2) / 150**0.5, (units(x=each) for each in x)
    w = [np.linalg.solve(h[:, :n].T @ h[:, :n] + 1e-8 * np.eye(n), h[:, :n].T @ y) for n in widths]
    return [float(np.std(new[:, : len(each)] @ each - truth)) for each in w]


def learn(bits, steps):
    """How often a network is right on fresh bits while it learns the parity of a half of them, 256 a step."""
    x, y = ig.input("x", ("batch", bits)), ig.input("y", ("batch",), "int64")
    score = ig.nn.Sequential([ig.nn.Dense(10 * bits, "relu"), ig.nn.Dense(1)])(x)[:, 0]
    step = ig.compile(score > 0, updates=ig.optim.Adam(0.003).minimize(ig.losses.hinge(score, y)), seed=1)
    drawn = np.random.default_rng(0).integers(0, 2, (steps, 256, bits))
    odd = drawn[:, :, : bits // 2].sum(axis=2) % 2
    return [float((step(x=2.0 * x - 1, y=y) == y).mean()) for x, y in zip(drawn, odd, strict=True)]


def main(steps=1500, bits=(8, 16, 20, 30), dims=(1, 2, 3, 4), points=2000, widths=(4, 16, 64, 256, 1024)):
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.8))
    errors, found = {d: approximation(d, widths, points) for d in dims}, {n: learn(n, steps) for n in bits}
    for d, each in errors.items():
        left.loglog(widths, each, "o-", label=f"d = {d}")
    left.set(
        title="a smooth function of d inputs", xlabel="hidden units N", ylabel="RMS error", ylim=(1e-4, 10)
    )
    ones = np.arange(16.0)  # unit i sees how far the number of ones is above i; f = h₀ - 2h₁ + 2h₂ - …
    f = ig.evaluate(ig.relu(ones[:, None] - np.arange(15)) @ np.append(1, 2 * (-1.0) ** np.arange(1, 15)))
    middle.plot(ones, f, "o-")
    middle.set(title="parity of 15 bits by 15 ReLUs, by hand", xlabel="ones among the bits", ylabel="f(x)")
    at = np.arange(25, steps + 1, 25)  # means of 25 steps
    for n, right_at in found.items():
        right.plot(at, np.reshape(right_at, (-1, 25)).mean(axis=1), label=f"{n // 2} of {n} bits")
    right.set(title="learning parity by gradient descent", xlabel="step", ylabel="right on unseen bits")
    left.legend(loc="upper right"), right.legend()
    return figure, {"errors": errors, "by hand": f.tolist(), "right": found}


if __name__ == "__main__":
    show(main)
