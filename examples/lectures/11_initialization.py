"""Initialization: zero is a saddle point, a constant keeps all neurons equal, random weights learn.

At zero all gradients are zero and the Hessian has eigenvalues of both signs. From a constant all hidden units
get the same gradient, forever: they compute the same function. Random weights break the symmetry.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 600}
STARTS = {
    "zero": ig.init.zeros(),
    "constant 0.5": ig.init.constant(0.5),
    "N(0, 0.1)": ig.init.normal(std=0.1),
}


def network(init, units):
    """The squared error of y = Σ w₂ tanh(w₁ x) on sin(2x), and the weights, of each unit a column."""
    x = np.linspace(-2, 2, 41)
    w = ig.parameter("w", (2, units), "float64", init=init)
    f = ig.tanh(ig.constant(x[:, None]) * w[0]) @ w[1]
    return ig.losses.squared_error(f, ig.constant(np.sin(2 * x))), w


def main(steps=2500, units=4):
    figure, (course, weights, curvature) = plt.subplots(1, 3, figsize=(16, 4.8))
    numbers = {}
    for n, (name, init) in enumerate(STARTS.items()):
        loss, w = network(init, units)
        first = ig.compile({"gradient": ig.grad(loss, w), "hessian": ig.hessian(loss, w).todense()})()
        eigenvalues = np.linalg.eigvalsh(first["hessian"].reshape(2 * units, 2 * units))
        step = ig.compile(loss, updates=ig.optim.SGD(0.05).minimize(loss))
        run = [(float(step()), step.state["w"][0].copy()) for _ in range(steps)]
        losses, hidden = (np.array(each) for each in zip(*run, strict=True))
        course.plot(losses, label=name)
        weights.plot(hidden, color=f"C{n}", label=[name] + ["_"] * (units - 1))
        curvature.plot(eigenvalues, np.full(2 * units, -n), "o", label=name)
        numbers[name] = {
            "gradient": float(np.abs(first["gradient"]).max()),
            "eigenvalues": eigenvalues.tolist(),
            "loss": float(losses[-1]),
            "spread of the units": float(np.ptp(hidden[-1])),
        }
    course.set(title="Fitting sin 2x with four units", xlabel="step", ylabel="squared error")
    weights.set(title="Weights of the hidden units", xlabel="step", ylabel="w₁")
    curvature.set(title="Eigenvalues of the Hessian at the start", xlabel="λ", yticks=[], ylim=(-3, 1))
    curvature.axvline(0, color="k", linewidth=0.8)
    for axis in (course, weights, curvature):
        axis.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
