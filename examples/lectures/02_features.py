"""Features made by hand against learned ones: a map φ in front of a linear classifier f(x) = w·φ(x) + b.

All have the same data, hinge loss + λ‖θ‖² and optimizer; only in the last does training move the features.
"""

import numpy as np
from diagrams import GREY, regions, two_classes
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 300, "tests": 500}


def spirals(count, seed):
    """Points along two spirals, one for each class, with noise."""
    random = np.random.default_rng(seed)
    kinds, along = np.arange(count) % 2, random.uniform(0.15, 1, count)
    angle = 9.5 * along**0.7 + np.pi * kinds
    points = 3 * along * [np.cos(angle), np.sin(angle)] + random.normal(scale=0.2, size=(2, count))
    return points.T, kinds


def train(phi, data, kinds, steps):
    """Fit w, b and what φ has to learn; returns the score f(x) as a function."""
    x, y = ig.input("x", ("points", 2)), ig.input("y", ("points",), "int64")
    model = ig.nn.Sequential([*phi, ig.nn.Dense(1)])
    score = model(x)[:, 0]
    objective = ig.losses.hinge(score, y) + ig.losses.l2(model, 1e-4)
    step = ig.compile(objective, updates=ig.optim.Adam(ig.optim.cosine(0.1, steps)).minimize(objective))
    for _ in range(steps):
        step(x=data, y=kinds)
    return ig.compile(score, state=step.state)


def main(steps=1500, tests=5000):
    (data, kinds), (unseen, truth) = spirals(200, 0), spirals(tests, 1)
    maps = {
        "no features: x itself": [],
        "polynomials to degree 3": [ig.nn.PolynomialFeatures(3)],
        "20 RBF features": [ig.nn.RBFFeatures(20, gamma=1.0).fit(data)],
        "200 kernel features yᵢ k(xᵢ, x)": [ig.nn.KernelFeatures(data, gamma=1.0, labels=2 * kinds - 1)],
        "20 learned features tanh(v·x + b)": [ig.nn.Dense(20, "tanh")],
    }
    (figure, axes), numbers = plt.subplots(2, 3, figsize=(14, 9)), {}
    for axis, (name, phi) in zip(axes.flat, maps.items(), strict=False):
        f = train(phi, data, kinds, steps)
        numbers[name] = float(np.mean((f(x=unseen) > 0) == truth))
        regions(axis, f, data, kinds)
        axis.set_title(f"{name}: {numbers[name]:.0%} right")
    two_classes(axes[1, 2], data, kinds, size=25)
    for (v1, v2), b in zip(f.state["0.w"].T, f.state["0.b"], strict=True):
        axes[1, 2].axline((0, -b / v2), slope=-v1 / v2, color=GREY, linewidth=0.8)
    axes[1, 2].set(title="the 20 learned: v·x + b = 0", xlabel="x₁", ylabel="x₂", xlim=(-4, 4), ylim=(-4, 4))
    return figure, numbers


if __name__ == "__main__":
    show(main)
