"""Multinomial logistic regression, and its nonlinear generalization.

Linear scores ⟨wᵢ, x⟩, or the outputs fᵢ(x) of a network, go through the softmax; learning maximizes the log
likelihood Σ log Softmax(f(x)) at y. Linear scores have straight boundaries; a network bends them.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 600}
COLOURS = np.array([[0, 0.45, 0.7], [0.9, 0.62, 0], [0, 0.62, 0.45]])


def spiral(examples):
    """Three arms of a spiral, a class each."""
    random = np.random.default_rng(0)
    labels = np.arange(examples) % 3
    radius = random.uniform(0.2, 2, size=examples)
    angle = 2 * np.pi / 3 * labels + 2.0 * radius + random.normal(scale=0.2, size=examples)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), labels


def main(steps=2000, examples=300):
    points, labels = spiral(examples)
    x, y = ig.input("x", ("batch", 2), "float64"), ig.input("y", ("batch",), "int64")
    models = {
        "linear scores": ig.nn.Dense(3, name="linear"),
        "nonlinear scores": ig.nn.Sequential([ig.nn.Dense(32, "tanh"), ig.nn.Dense(3)], name="network"),
    }
    figure, (*regions, course) = plt.subplots(1, 3, figsize=(16, 5))
    side = np.linspace(-2.3, 2.3, 200)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    numbers = {}
    for axis, (name, model) in zip(regions, models.items(), strict=True):
        scores = model(x)
        loss = ig.losses.softmax_cross_entropy(scores, y)  # minus the mean log likelihood
        step = ig.compile(loss, updates=ig.optim.Adam(0.02).minimize(loss))
        course.plot([-float(step(x=points, y=labels)) for _ in range(steps)], label=name)
        predict = ig.compile(ig.softmax(scores), state=step.state)
        theta = predict(x=plane).reshape(200, 200, 3)
        axis.imshow(1 - 0.5 * theta @ (1 - COLOURS), extent=(-2.3, 2.3, -2.3, 2.3), origin="lower")
        found = predict(x=points)
        numbers[name] = {
            "log likelihood": float(np.log(found[np.arange(examples), labels]).mean()),
            "accuracy": float((found.argmax(axis=1) == labels).mean()),
        }
        for k in range(3):
            axis.plot(*points[labels == k].T, "o^s"[k], color=COLOURS[k], markeredgecolor="w")
        axis.set(title=f"{name}: {numbers[name]['accuracy']:.0%} right", xlabel="x₁", ylabel="x₂")
    course.set(title="Learning", xlabel="step", ylabel="mean log likelihood")
    course.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
