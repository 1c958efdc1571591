"""Stochastic gradient descent: the whole data set, mini-batches, one example; and rates that decay.

The gradient of a few examples costs little and is noisy: it comes near the minimum after few examples, on a
path that is less smooth, and wanders there in a cloud. A rate that decays lets it settle.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 1500}
EXAMPLES, RATE = 256, 0.05


def main(steps=6000):
    random = np.random.default_rng(0)
    features = np.stack([np.ones(EXAMPLES), random.uniform(-1, 3, size=EXAMPLES)], axis=1)
    targets = features @ [1, 2] + random.normal(size=EXAMPLES)
    x, y = ig.input("x", ("batch", 2), "float64"), ig.input("y", ("batch",), "float64")
    loss = ig.losses.squared_error(x @ ig.parameter("θ", (2,), "float64"), y)
    best = np.linalg.lstsq(features, targets)[0]
    runs = {
        "all 256 examples": (EXAMPLES, RATE),
        "batches of 16": (16, RATE),
        "one example": (1, RATE),
        "one example, staircase": (1, ig.optim.staircase(RATE, steps // 3)),
        "one example, cosine": (1, ig.optim.cosine(RATE, steps)),
    }

    figure, (plane, course) = plt.subplots(1, 2, figsize=(13, 5))
    grid = np.stack(np.meshgrid(np.linspace(-0.3, 2, 50), np.linspace(-0.1, 3.1, 50)), axis=-1)
    error = ((grid @ features.T - targets) ** 2).mean(axis=-1)
    plane.contour(grid[..., 0], grid[..., 1], error, error.min() + np.geomspace(0.1, 10, 7), colors="0.8")
    numbers = {}
    for name, (size, rate) in runs.items():
        step = ig.compile(loss, updates=ig.optim.SGD(rate).minimize(loss))
        path = []
        for _ in range(steps):
            path.append(step.state["θ"].copy())
            chosen = random.choice(EXAMPLES, size, replace=False)
            step(x=features[chosen], y=targets[chosen])
        above = (((np.array(path) - best) @ features.T) ** 2).mean(axis=1)  # the loss above its minimum
        course.semilogy(np.convolve(above, np.full(100, 0.01), "valid"), label=name)
        if rate == RATE:
            plane.plot(*np.array(path[:200]).T, ".-", linewidth=0.7, label=name)
        numbers[name] = {"above the minimum, last tenth": float(above[-steps // 10 :].mean())}
        numbers[name]["examples seen until below 0.5"] = size * int(np.argmax(above < 0.5))
    plane.plot(*best, "k*", markersize=12, zorder=5)
    course.set(title="Means of 100 steps", xlabel="step", ylabel="loss above its minimum", ylim=(1e-5, 3))
    plane.set(title="The first 200 steps; a star at the minimum", xlabel="θ₁, intercept", ylabel="θ₂, slope")
    plane.legend(loc="upper left")
    course.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
