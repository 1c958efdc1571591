"""The exercise of the notes: flip the signs of the normals of two ReLU units; what features result?

The lines z₁ = 0 and z₂ = 0 stay, and a unit is active on the other side of its line: 2^m configurations of m
units. Here one class lies between the lines. Where both are inactive it becomes a point; with one flip it
lies on an axis, still separable; with both it is surrounded.
"""

from itertools import product

import numpy as np
from diagrams import two_classes
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 1500}
NORMALS, BIASES = np.array([[1.3, -1.3], [-1.0, -1.0]]), np.array([-0.5, -0.5])  # z = x NORMALS + BIASES


def data(each=80):
    """Points above a V, the lines z₁ = 0 and z₂ = 0, and below it."""
    points = np.random.default_rng(1).uniform(-2, 2, size=(20 * each, 2))
    z = (points @ NORMALS + BIASES).max(axis=1)
    x = np.concatenate([points[z < -0.2][:each], points[z > 0.2][:each]])
    return x, np.repeat([1.0, -1.0], each)


def main(steps=4000):
    x, y = data()
    figure, axes = plt.subplots(2, 3, figsize=(13, 8))
    plane, *spaces, rest = axes.flat
    rest.axis("off")
    two_classes(plane, x, y > 0, 30)
    line = np.linspace(-2, 2, 2)
    plane.plot(line, 1.3 * line - 0.5, "k", line, -1.3 * line - 0.5, "k")
    plane.set(title="the points and both lines", xlabel="x₁", ylabel="x₂", ylim=(-2.1, 2.1))
    numbers = {}
    for axis, signs in zip(spaces, product((1, -1), repeat=2), strict=True):
        features = ig.relu(ig.constant(x) @ ig.constant(NORMALS * signs) + ig.constant(BIASES * signs))
        v, b = ig.parameter("v", (2,), "float64"), ig.parameter("b", (), "float64")
        score = features @ v + b  # a linear classifier of the hidden features
        risk = ig.losses.hinge(score, ig.constant(y))
        updates = ig.optim.Adam(ig.optim.cosine(1.0, steps)).minimize(risk)
        step = ig.compile({"risk": risk, "f": features, "score": score}, updates=updates)
        for _ in range(steps):
            found = step()
        wrong = int((found["score"] * y <= 0).sum())
        numbers[signs] = wrong
        two_classes(axis, found["f"], y > 0, 30)
        (v1, v2), x_range, y_range = step.state["v"], axis.get_xlim(), axis.get_ylim()
        axis.axline((0, -step.state["b"] / v2), slope=-v1 / v2, color="k")
        flips = {(1, 1): "no flip", (-1, -1): "both flipped", (-1, 1): "w₁ flipped"}.get(signs, "w₂ flipped")
        axis.set(title=f"{flips}: {wrong} wrong", xlabel="f(z₁)", ylabel="f(z₂)", xlim=x_range, ylim=y_range)
    return figure, numbers


if __name__ == "__main__":
    show(main)
