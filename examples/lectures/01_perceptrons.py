"""Perceptrons as logical gates; the gate that no perceptron is; the two layers that are it."""

import numpy as np
from diagrams import RED, SKY, neurons, two_classes
from gallery import plt, show

import irgraph as ig

PIXELS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
EQUAL = np.array([1, 0, 0, 1])  # fire where both pixels have the same value
GATES = {"AND": ([1, 1], 2), "OR": ([1, 1], 1), "NOR": ([-1, -1], 0)}  # w, θ
W1, THETA1, W2, THETA2 = [[1, -1], [1, -1]], [2, 0], [[1], [1]], 1  # the notes' own weights


def perceptron(i, w, theta):
    """The classic unit: it fires where the weighted sum of its inputs reaches the threshold θ."""
    z = i @ ig.constant(w, "float32")
    return z, ig.cast(z >= ig.constant(theta, "float32"), "float32")


def main(steps=41):
    i = ig.input("i", ("points", 2))
    gates = ig.compile({name: perceptron(i, *gate)[1] for name, gate in GATES.items()})(i=PIXELS)
    z, h = perceptron(i, W1, THETA1)  # two hidden units recode the input, one unit reads their code
    network = ig.compile([z, h, perceptron(h, W2, THETA2)[1]])(i=PIXELS)
    table = np.concatenate([PIXELS, *network], axis=1).astype(int)

    # Can one unit do it? Many (w₁, w₂, θ) side by side: how many of the four inputs does each get right?
    w1, w2, theta = np.stack(np.meshgrid(*[np.linspace(-3, 3, steps)] * 3)).reshape(3, -1)
    right = (ig.evaluate(perceptron(i, [w1, w2], theta)[1], i=PIXELS) == EQUAL[:, None]).sum(axis=0)

    figure, axes = plt.subplots(2, 3, figsize=(13, 7.6))
    two_classes(axes[0, 0], PIXELS, gates["AND"])
    axes[0, 0].set(title="AND: one unit with w = (1, 1), θ = 2 (fires where blue)", xlabel="i₁", ylabel="i₂")
    two_classes(axes[0, 1], PIXELS, EQUAL, names=["x₁", "o₁", "o₂", "x₂"])
    axes[0, 1].set(title="i₁ = i₂: no line parts crosses from circles", xlabel="i₁", ylabel="i₂")
    two_classes(axes[1, 2], network[1], EQUAL, names=["x₁", "o₁ and o₂", "", "x₂"])
    axes[1, 2].set(title="recoded by the hidden units: a line does", xlabel="h₁", ylabel="h₂")
    for axis, level in ((axes[0, 0], 2), (axes[1, 2], 1)):
        axis.fill_between([-0.4, 1.6], [level + 0.4, level - 1.6], 1.6, color=SKY, alpha=0.4, linewidth=0)
    plt.setp(
        [axes[0, 0], axes[0, 1], axes[1, 2]], xlim=(-0.4, 1.6), ylim=(-0.4, 1.6), xticks=[0, 1], yticks=[0, 1]
    )
    span = [-3, 1]  # 0 ≥ θ, so scale to θ = -1: the other inequalities are regions of (w₁, w₂)
    axes[0, 2].fill_between(span, [2, -2], 1, color=SKY, alpha=0.6, linewidth=0, label="w₁ + w₂ ≥ θ")
    axes[0, 2].fill_between([-3, -1], -3, -1, color=RED, alpha=0.6, label="w₁ < θ and w₂ < θ")
    axes[0, 2].set(title="i₁ = i₂ needs a w in both (θ = -1)", xlabel="w₁", ylabel="w₂", xlim=span, ylim=span)
    axes[0, 2].legend(loc="lower right")
    neurons(axes[1, 0], [["i₁", "i₂"], ["h₁\nθ = 2", "h₂\nθ = 0"], ["o\nθ = 1"]], [W1, W2])
    axes[1, 0].set_title("two layers that fire where i₁ = i₂")
    heads = ["i₁", "i₂", "h₁ in", "h₂ in", "h₁ out", "h₂ out", "o"]
    axes[1, 1].table(table, colLabels=heads, loc="center", cellLoc="center").scale(1, 2)
    axes[1, 1].set_title("its table").axes.set_axis_off()
    numbers = {"table": table.tolist(), "tried": len(right), "right at best, of 4 inputs": int(right.max())}
    return figure, numbers | {name: gate.tolist() for name, gate in gates.items()}


if __name__ == "__main__":
    show(main)
