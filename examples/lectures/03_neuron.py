"""One neuron by hand: W = [3, -2], b = 1; a network of such neurons; activations and their derivatives."""

import numpy as np
from diagrams import BLUE, GREEN, neurons
from gallery import plt, show

import irgraph as ig

ACTIVATIONS = {"sigmoid": ig.sigmoid, "tanh": ig.tanh, "ReLU": ig.relu}
WH = np.array([[3, -1], [-2, 1]], "float32")  # two hidden neurons, the first is that of the notes
WO = np.array([[0, 1, 1], [1, 0, 1]], "float32")  # chosen so that the logits at x = (1, 1) are 1, 2, 3


def main():
    x = ig.input("x", ("points", 2))
    z = x @ ig.constant([3.0, -2.0]) + 1.0  # the pre-activation z(x) = w·x + b
    neuron = ig.compile({"z": z, "f": ig.relu(z)})  # f(x) = g(z(x)) with g = ReLU
    line = np.linspace(-4, 4, 201, dtype="float32")
    plane = neuron(x=np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2))["f"].reshape(201, 201)

    # one hidden layer, written as in Keras: h(x) = g(Wʰx + bʰ), f(x) = softmax(Wᵒh(x) + bᵒ)
    model = ig.nn.Sequential()
    model.add(ig.nn.Dense(2, input_dim=2, weight_init=WH, bias_init=1.0))
    model.add(ig.nn.Activation("relu"))
    model.add(ig.nn.Dense(3, weight_init=WO))
    model.add(ig.nn.Activation("softmax"))
    at = ig.compile({"h": model[:2](x), "z": model[:3](x), "f": model(x)})(x=[[1.0, 1.0]])

    figure, axes = plt.subplots(2, 3, figsize=(13, 7.4))
    neurons(axes[0, 0], [["x₁", "x₂", "1"], ["f(x)"]], [[[3], [-2], [1]]])
    axes[0, 0].set_title("one neuron: f(x) = max(0, 3 x₁ - 2 x₂ + 1)")
    shown = axes[0, 1].contourf(line, line, plane, levels=11, cmap="Blues")
    axes[0, 1].set(title="f(x) over the plane: 0 above the line z = 0", xlabel="x₁", ylabel="x₂")
    axes[0, 1].plot([-3, 7 / 3], [-4, 4], color="k")
    figure.colorbar(shown, ax=axes[0, 1], label="f(x)", ticks=[0, 5, 10, 15, 20])
    hidden = [f"h{i} = {value:g}\nb = 1" for i, value in zip("₁₂", at["h"][0], strict=True)]
    outputs = [f"z = {logit:g}\nf = {f:.2f}" for logit, f in zip(at["z"][0], at["f"][0], strict=True)]
    neurons(axes[0, 2], [["x₁ = 1", "x₂ = 1"], hidden, outputs], [WH, WO])
    axes[0, 2].set_title("that neuron is h₁ in a network: logits z, softmax f")

    u, slopes = ig.input("u", ("points",)), {}
    for axis, (name, activation) in zip(axes[1], ACTIVATIONS.items(), strict=True):
        y = activation(u)
        curves = ig.compile({"value": y, "slope": ig.grad(y.sum(), u)})(u=line)
        axis.plot(line, curves["value"], color=BLUE, label=f"{name}(z)")
        axis.plot(line, curves["slope"], "--", color=GREEN, label="its derivative")
        axis.set(title=f"{name} and its derivative", xlabel="z")
        axis.legend(loc="upper left")
        slopes[f"slopes of {name}"] = curves["slope"][[0, 100, 200]].tolist()  # at z = -4, 0, 4
    two = {f"{k} at (1, 1), (-1, 1)": y.tolist() for k, y in neuron(x=[[1.0, 1.0], [-1.0, 1.0]]).items()}
    return figure, two | {
        "z": at["z"][0].tolist(),
        "softmax": at["f"][0].astype(float).round(2).tolist(),
    } | slopes


if __name__ == "__main__":
    show(main)
