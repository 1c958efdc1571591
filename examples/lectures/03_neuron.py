"""One neuron by hand: W = [3, -2], b = 1; softmax of [1, 2, 3]; activations and their derivatives."""

import numpy as np
from gallery import plt, show

import irgraph as ig

ACTIVATIONS = {"sigmoid": ig.sigmoid, "tanh": ig.tanh, "ReLU": ig.relu}


def main():
    # f(x) = g(w·x + b), drawn over the plane
    x = ig.input("x", ("points", 2))
    z = x @ ig.constant([3.0, -2.0]) + 1.0
    neuron = ig.compile({"z": z, "f": ig.sigmoid(z)})
    line = np.linspace(-4, 4, 201, dtype="float32")
    plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    at_one = neuron(x=[[1.0, 1.0]])

    probabilities = ig.evaluate(ig.softmax(ig.constant([1.0, 2.0, 3.0])))

    figure, axes = plt.subplots(1, 4, figsize=(15, 3.4))
    image = neuron(x=plane)["f"].reshape(201, 201)
    shown = axes[0].imshow(image, extent=(-4, 4, -4, 4), origin="lower", cmap="RdBu_r", vmin=0, vmax=1)
    axes[0].contour(line, line, image, levels=[0.5], colors="k")
    axes[0].set(title="sigmoid(3 x₁ - 2 x₂ + 1), boundary at ½", xlabel="x₁", ylabel="x₂")
    figure.colorbar(shown, ax=axes[0])

    u = ig.input("u", ("points",))
    slopes = {}
    for axis, (name, activation) in zip(axes[1:], ACTIVATIONS.items(), strict=True):
        y = activation(u)
        curves = ig.compile({"value": y, "slope": ig.grad(y.sum(), u)})(u=line)
        axis.plot(line, curves["value"], label=f"{name}(z)")
        axis.plot(line, curves["slope"], "--", label="its derivative")
        axis.set(title=name, xlabel="z")
        axis.legend()
        slopes[f"largest slope of {name}"] = float(curves["slope"].max())
    return figure, {
        "z at (1, 1)": float(at_one["z"][0]),
        "softmax of 1, 2, 3": probabilities.round(2).tolist(),
        **slopes,
    }


if __name__ == "__main__":
    show(main)
