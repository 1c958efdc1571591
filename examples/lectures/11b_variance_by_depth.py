"""Better inits: the size of the activations layer by layer, forward, and of the gradients, backward.

A layer of n inputs multiplies the mean square by n Var(w), and ReLU halves it. N(0, 0.1) fits a single width;
Glorot's 2 / (n + m) and orthogonal weights suit tanh, and He's 2 / n makes up for the half that ReLU takes.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"depth": 20}
INITS = {
    "N(0, 0.1)": ig.init.normal(std=0.1),
    "Glorot": ig.init.glorot_normal(),
    "He": ig.init.he_normal(),
    "orthogonal": ig.init.orthogonal(),
}


def sizes(activation, init, depth, width):
    """The root mean squares of all layers' activations, and of the gradients towards them."""
    random = np.random.default_rng(0)
    h, layers = ig.constant(random.normal(size=(256, width))), []
    for k in range(depth):
        h = activation(h @ ig.parameter(f"{k}.w", (width, width), "float64", init=init))
        layers.append(h)
    gradients = ig.vjp(h, layers, ig.constant(random.normal(size=(256, width))))
    found = ig.compile([[ig.sqrt((each**2.0).mean()) for each in some] for some in (layers, gradients)])()
    return np.array(found)


def main(depth=40, width=64):
    figure, axes = plt.subplots(2, 2, figsize=(12, 8), sharex=True, sharey="row")
    numbers = {}
    for column, (name, activation) in zip(axes.T, {"tanh": ig.tanh, "ReLU": ig.relu}.items(), strict=True):
        for label, init in INITS.items():
            forward, backward = sizes(activation, init, depth, width)
            column[0].semilogy(range(1, depth + 1), forward, label=label)
            column[1].semilogy(range(1, depth + 1), backward, label=label)
            kept = {"activations": forward[-1] / forward[0], "gradients": backward[0] / backward[-1]}
            numbers[f"{name}, {label}"] = {what: float(ratio) for what, ratio in kept.items()}
        column[0].set(title=f"{name}: size of the activations", ylabel="root mean square")
        column[1].set(title=f"{name}: size of the gradients", xlabel="layer", ylabel="root mean square")
        column[0].legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
