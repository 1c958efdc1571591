"""One hidden layer of 2, 10, 100 and 500 ReLU units: hinge loss + λ‖θ‖² on data that two units separate.

R(θ) = 1/N Σ max(0, 1 - y F(x; θ)) + λ‖θ‖². Two units can map all of one class to the origin, but not every
start finds it: it is challenging to learn the hidden representation. From ten units on every start does.
"""

import numpy as np
from diagrams import two_classes
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 500, "widths": (2, 10), "starts": 5}


def data(each=80):
    points = np.random.default_rng(1).uniform(-2, 2, size=(40 * each, 2))
    height = points[:, 1] - 1.3 * np.abs(points[:, 0]) + 0.5  # above or below a V
    x = np.concatenate([points[height > 0.2][:each], points[height < -0.2][:each]])
    return x, np.repeat([1.0, -1.0], each)


def train(width, seed, steps, x, y):
    """The risk after training, and the network with what its hidden units make of the points."""
    points, labels = ig.input("x", ("batch", 2), "float64"), ig.input("y", ("batch",), "float64")
    network = ig.nn.Sequential([ig.nn.Dense(width, "relu"), ig.nn.Dense(1)])
    score = network(points)[:, 0]
    risk = ig.losses.hinge(score, labels) + ig.losses.l2(network, 1e-3)
    step = ig.compile(risk, updates=ig.optim.Adam(0.02).minimize(risk), seed=seed)
    for _ in range(steps):
        step(x=x, y=y)
    return float(step(x=x, y=y)), ig.compile([score, network[0](points)], state=step.state)


def main(steps=1000, widths=(2, 10, 100, 500), starts=8):
    x, y = data()
    figure, axes = plt.subplots(2, 3, figsize=(13, 8))
    (*regions, space, risks), numbers = axes.flat, {}
    side = np.linspace(-2.1, 2.1, 200)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    for axis, width in zip(regions, widths, strict=False):
        runs = [train(width, seed, steps, x, y) for seed in range(starts)]
        risk, network = min(runs, key=lambda run: run[0])
        separated = sum(bool((y * run[1](x=x)[0] > 0).all()) for run in runs)
        numbers[width] = {"risk": risk, "starts that separate": separated}
        score = network(x=plane)[0].reshape(200, 200)
        axis.contourf(side, side, score, [-99, -1, 0, 1, 99], cmap="RdBu", alpha=0.4)  # the margin is white
        two_classes(axis, x, y > 0, 30)
        axis.set(title=f"{width} units: {separated} of {starts} starts separate", xlabel="x₁", ylabel="x₂")
        if width == 2:
            two_classes(space, network(x=x)[1], y > 0, 30)
        risks.semilogy([str(width)] * starts, [run[0] for run in runs], "o", alpha=0.5)
    space.set(title="What two units make of the points", xlabel="f(z₁)", ylabel="f(z₂)")
    risks.set(title="Risk reached from each start", xlabel="units", ylabel="R(θ)")
    return figure, numbers


if __name__ == "__main__":
    show(main)
