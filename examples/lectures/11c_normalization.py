"""Normalizing the input: standardization and quantile normalization of features of unlike ranges.

The curvature of a loss along a weight grows with the mean square of its feature. Unlike ranges make a narrow
valley: the rate that the steepest direction bears is too small for the others. Ranks also undo a skew.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 200}


def raw(x):
    return x


def standardized(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def quantiles(x):
    """The rank of each number, from -1 to 1: evenly spread, whatever the shape was."""
    return x.argsort(axis=0).argsort(axis=0) / (len(x) - 1) * 2 - 1


def data(examples):
    random = np.random.default_rng(0)
    age, income = random.uniform(20, 70, size=examples), random.lognormal(3, 1, size=examples)
    bought = (age - 45) / 10 + np.log(income) - 3 + random.normal(size=examples) > 0
    return np.stack([age, income], axis=1), bought.astype("float64")


def main(steps=1000, examples=400):
    x, y = data(examples)
    (figure, axes), numbers = plt.subplots(2, 2, figsize=(12, 8.5)), {}
    *scatters, course = axes.flat
    for axis, normalize in zip(scatters, (raw, standardized, quantiles), strict=True):
        name, features = normalize.__name__, normalize(x)
        axis.plot(*features[y == 0].T, "o", *features[y == 1].T, "^", markersize=4)
        w = ig.parameter("w", (3,), "float64")  # logistic regression
        logits = ig.constant(np.column_stack([features, np.ones(examples)])) @ w
        loss = ig.losses.sigmoid_cross_entropy(logits, ig.constant(y))
        curvatures = np.linalg.eigvalsh(ig.compile(ig.hessian(loss, w).todense())())
        rate, condition = float(1 / curvatures[-1]), float(curvatures[-1] / curvatures[0])
        step = ig.compile(loss, updates=ig.optim.SGD(rate).minimize(loss))
        losses = [float(step()) for _ in range(steps)]
        course.semilogx(range(1, steps + 1), losses, label=f"{name}, η = {rate:.2g}")
        axis.set(title=f"{name}: condition {float(f'{condition:.2g}'):,g}", xlabel="age", ylabel="income")
        numbers[name] = {"condition": condition, "rate": rate, "loss": losses[-1]}
    course.set(title="Logistic regression, η = 1 / largest curvature", xlabel="step", ylabel="cross entropy")
    scatters[0].legend(["not bought", "bought"])
    course.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
