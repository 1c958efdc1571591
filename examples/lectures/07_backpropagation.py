"""The notes' backpropagation in NumPy, number by number against the backward graph that the compiler makes.

Layer k has zᵏ = (Wᵏ)ᵀ aᵏ⁻¹ + bᵏ and aᵏ = f(zᵏ), so δᵏ = ∂loss/∂zᵏ = Diag[f'(zᵏ)] Wᵏ⁺¹ δᵏ⁺¹. The backward pass
multiplies the matrices Δᵏ, the Jacobians of layer k + 1 towards layer k.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

UNITS, LAST = {1: 8, 2: 16, 3: 12, 4: 4}, 4
MARKS = {"W": ("o", "∂loss/∂W"), "b": ("s", "∂loss/∂b"), "δ": ("+", "δ = ∂loss/∂z")}


def backpropagation(x, y, w, b):
    a, z, delta = {1: x}, {}, {}
    for k in range(2, LAST + 1):  # feedforward
        z[k] = w[k].T @ a[k - 1] + b[k]
        a[k] = np.tanh(z[k])
    delta[LAST] = (1 - np.tanh(z[LAST]) ** 2) * 2 * (a[LAST] - y)  # output layer: Diag[f'(z)] ∇ₐ loss
    for k in range(LAST - 1, 1, -1):  # backpropagation
        delta[k] = (1 - np.tanh(z[k]) ** 2) * (w[k + 1] @ delta[k + 1])
    return {"W": {k: np.outer(a[k - 1], delta[k]) for k in delta}, "b": delta, "δ": delta}


def main():
    a, w, b, z = {1: ig.input("x", (UNITS[1],), "float64")}, {}, {}, {}
    for k in range(2, LAST + 1):
        w[k] = ig.parameter(f"{k}.W", (UNITS[k - 1], UNITS[k]), "float64", init=ig.init.glorot_normal())
        b[k] = ig.parameter(f"{k}.b", (UNITS[k],), "float64")
        z[k] = a[k - 1] @ w[k] + b[k]
        a[k] = ig.tanh(z[k])
    loss = ((a[LAST] - ig.input("y", (UNITS[LAST],), "float64")) ** 2.0).sum()
    jacobians = {k: ig.jacobian(a[k + 1], a[k], format="dense") for k in range(LAST - 1, 0, -1)}
    gradients = ig.grad(loss, {"W": w, "b": b, "δ": z})
    backward = ig.compile({"a": a, "w": w, "b": b, "Δ": jacobians, "gradients": gradients})
    x, y = np.random.default_rng(0).normal(size=UNITS[1]), np.array([0.5, -0.5, 0.5, -0.5])
    found = backward(x=x, y=y)
    by_hand = backpropagation(x, y, found["w"], found["b"])
    (figure, axes), differences = plt.subplots(2, 2, figsize=(12, 8.5)), {}
    for axis, (k, jacobian) in zip(axes.flat, found["Δ"].items(), strict=False):
        expected = np.diag(1 - found["a"][k + 1] ** 2) @ found["w"][k + 1].T
        differences[f"Δ{k}"] = float(np.abs(jacobian - expected).max())
        figure.colorbar(axis.imshow(jacobian, vmin=-0.8, vmax=0.8), ax=axis, label="partial derivative")
        axis.set(title=f"Δ{k} = ∂a{k + 1} / ∂a{k}", xlabel=f"unit of a{k}", ylabel=f"unit of a{k + 1}")
        axis.grid(False)
    for kind, (mark, label) in MARKS.items():
        hand, graph = (np.concatenate([g[kind][k].ravel() for k in z]) for g in (by_hand, found["gradients"]))
        axes[1, 1].plot(hand, graph, mark, label=label)
        differences[kind] = float(np.abs(hand - graph).max())
    axes[1, 1].set(title="every number of the backward pass", xlabel="pseudocode", ylabel="compiled graph")
    axes[1, 1].legend()
    return figure, {f"largest difference of {kind}": each for kind, each in differences.items()}


if __name__ == "__main__":
    show(main)
