"""The stochastic gradient of the notes, one example (x, y) at a time, by their chain rule and by the graph.

With zᵢ = Σ wᵢⱼ xⱼ + bᵢ, z = Σ wᵢ f(zᵢ) + b and ℓ = max(0, 1 - y z), ∂ℓ/∂wᵢⱼ = xⱼ 1[zᵢ > 0] wᵢ (-y if ℓ > 0):
inactive units get no gradient, and an example beyond the margin gives none.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

UNITS, FEATURES = 12, 8


def by_hand(x, y, w, b, out, bias):
    """∂ℓ/∂w, inputs by units."""
    z = x @ w + b
    loss = max(0.0, 1 - y * (np.maximum(z, 0) @ out + bias))
    return np.outer(x, (z > 0) * out) * (-y if loss > 0 else 0.0)


def main(examples=4):
    x, y = ig.input("x", (FEATURES,), "float64"), ig.input("y", (), "float64")
    w = ig.parameter("w", (FEATURES, UNITS), "float64", init=ig.init.he_normal())
    b = ig.parameter("b", (UNITS,), "float64", init=ig.init.normal(std=0.1))
    out = ig.parameter("out", (UNITS,), "float64", init=ig.init.normal(std=0.5))
    bias = ig.parameter("bias", (), "float64")
    z = ig.relu(x @ w + b) @ out + bias
    loss = ig.losses.hinge(z, y)
    graph = ig.compile({"loss": loss, "gradient": ig.grad(loss, w)})

    random = np.random.default_rng(0)
    figure, axes = plt.subplots(1, examples, figsize=(15, 3))
    numbers = {}
    for n, axis in enumerate(axes, 1):
        point, label = random.normal(size=FEATURES), float(random.choice([-1, 1]))
        found = graph(x=point, y=label)
        expected = by_hand(point, label, *(graph.state[name] for name in ("w", "b", "out", "bias")))
        shown = axis.imshow(found["gradient"], vmin=-1.5, vmax=1.5)
        axis.set(title=f"example {n}: ℓ = {found['loss']:.2f}", xlabel="hidden unit i", ylabel="input j")
        axis.grid(False)
        numbers[f"example {n}"] = {
            "loss": float(found["loss"]),
            "units without gradient": int((found["gradient"] == 0).all(axis=0).sum()),
            "difference": float(np.abs(found["gradient"] - expected).max()),
        }
    figure.colorbar(shown, ax=axes, label="∂ℓ/∂wᵢⱼ")
    return figure, numbers


if __name__ == "__main__":
    show(main)
