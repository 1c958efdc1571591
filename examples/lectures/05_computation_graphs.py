"""Least squares and ridge regression as computation graphs, with the partial derivative on every edge."""

import numpy as np
from diagrams import BLUE, GREEN, computation, neurons
from gallery import plt, show

import irgraph as ig

POINT = {"w₁": 2.0, "w₂": -1.0, "b": 0.5, "x₁": 1.0, "x₂": 3.0, "y": 1.0}  # θ and a training point (x, y)
PLACES = {"w₁": (0, 3), "w₂": (0, 1.65), "b": (0, 0.3), "ŷ": (2, 1), "r": (4, 1), "ℓ": (6, 1)}
EDGES = {("w₁", "ŷ"): "x₁ = ", ("w₂", "ŷ"): "x₂ = ", ("b", "ŷ"): "", ("ŷ", "r"): "", ("r", "ℓ"): "2r = "}
RIDGE = PLACES | {"R": (4, 3.2), "J": (7.6, 2)}
RIDGE_EDGES = EDGES | {("w₁", "R"): "2λw₁ = ", ("w₂", "R"): "2λw₂ = ", ("ℓ", "J"): "", ("R", "J"): ""}
DATA = np.array([[1, 3, 0], [2, 0, 5], [0, 1, 0], [-1, -2, 1], [-2, 1, -3], [1, -1, 4]], "float32")  # x, y


def graph(axis, v, places, edges):
    """Draw values: the partial derivative along each edge, the gradient of the last value in each node."""
    *_, top = places
    values = ig.compile({n: v[n] for n in places})(**POINT)
    pairs = [*((n, top) for n in places), *edges]
    slopes = ig.compile({f"∂{b}/∂{a}": ig.grad(v[b], v[a]) for a, b in pairs})(**POINT)
    boxes = {n: f"{n} = {y:.4g}\n∂{top}/∂{n} = {slopes[f'∂{top}/∂{n}']:.4g}" for n, y in values.items()}
    labels = {(a, b): f"{text}{slopes[f'∂{b}/∂{a}']:.4g}" for (a, b), text in edges.items()}
    computation(axis, boxes, labels, places)
    return {name: float(slope) for name, slope in slopes.items()}


def main(steps=2000):
    v = {name: ig.input(name, ()) for name in POINT}
    v["ŷ"] = v["w₁"] * v["x₁"] + v["w₂"] * v["x₂"] + v["b"]  # prediction
    v["r"] = v["y"] - v["ŷ"]  # residual
    v["ℓ"], v["R"] = v["r"] ** 2, 0.1 * (v["w₁"] ** 2 + v["w₂"] ** 2)  # loss, regularization
    v["J"] = v["ℓ"] + v["R"]  # objective
    figure, axes = plt.subplots(2, 2, figsize=(14, 8.5), width_ratios=[1.3, 1])
    numbers = {"ℓ": graph(axes[0, 0], v, PLACES, EDGES), "J": graph(axes[1, 0], v, RIDGE, RIDGE_EDGES)}
    axes[0, 0].set_title("least squares at x = (1, 3), y = 1: each edge has its partial derivative")
    axes[1, 0].set_title("ridge, λ = 0.1: w has two children, whose gradients add up")
    x, y, w, b = ig.input("x", (2,)), ig.input("y", ()), ig.parameter("w", (2,)), ig.parameter("b", ())
    rows = np.column_stack([DATA[:, :2], np.ones(6)])
    for penalty, colour in ((0.0, BLUE), (0.1, GREEN)):  # SGD on both: each step takes a training point
        step = ig.compile(w, updates=ig.optim.SGD(0.02).minimize((y - w @ x - b) ** 2 + penalty * w @ w))
        path = [step(x=p[:2], y=p[2]) for p in np.random.default_rng(0).choice(DATA, steps)]
        axes[0, 1].plot(*np.transpose(path), color=colour, linewidth=0.8, label=f"SGD, λ = {penalty:g}")
        exact = np.linalg.solve(rows.T @ rows + 6 * penalty * np.diag([1, 1, 0]), rows.T @ DATA[:, 2])
        axes[0, 1].plot(*exact[:2], "*", color=colour, markeredgecolor="k", markersize=14)
        numbers[f"mean w of late SGD, λ = {penalty:g}"] = np.mean(path[-200:], axis=0).tolist()
    axes[0, 1].set(title="SGD on six training points; stars: the exact minima", xlabel="w₁", ylabel="w₂")
    axes[0, 1].legend()
    a = ig.input("a", (3,))  # an affine map Ma + c: its partial derivatives are M, wherever a is
    b = ig.constant([[2.0, -1.0, 0.5], [1.0, 3.0, -2.0]]) @ a + ig.constant([1.0, -1.0])
    partials = np.asarray(ig.evaluate(ig.jacobian(b, a)))
    neurons(axes[1, 1], [["a₁", "a₂", "a₃"], ["b₁", "b₂"]], [partials.T])
    axes[1, 1].set_title("an affine map b = Ma + c: ∂bᵢ/∂aⱼ = Mᵢⱼ on the edges")
    return figure, numbers | {"∂b/∂a": partials.tolist()}


if __name__ == "__main__":
    show(main)
