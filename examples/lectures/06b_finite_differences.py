"""Why not finite differences for the gradient: their error against the step, their work against the size.

(F(θ + εeᵢ) - F(θ)) / ε rounds F where ε is small and bends with F where it is large, and takes n + 1
evaluations for n parameters. Backpropagation takes a few, however many parameters there are.
"""

import numpy as np
from diagrams import BLUE, GREEN, ORANGE, RED
from gallery import plt, show

import irgraph as ig

KINDS = {"forward": 0, "central": 1}  # how many steps back the second evaluation is


def loss(hidden, dtype="float64"):
    """The squared error of a network of one hidden layer on 32 points, its parameters as one vector θ."""
    random = np.random.default_rng(0)
    x, y = ig.constant(random.normal(size=(32, 8)), dtype), ig.constant(random.normal(size=32), dtype)
    theta = ig.input("theta", (10 * hidden,), dtype)
    w, b, v = theta[: 8 * hidden], theta[8 * hidden : 9 * hidden], theta[9 * hidden :]
    return ig.losses.squared_error(ig.tanh(x @ w.reshape((8, hidden)) + b) @ v, y), theta


def main(hidden=3, sizes=(1, 10, 100, 1000)):
    at = np.random.default_rng(1).normal(size=10 * hidden)
    error, theta = loss(hidden)
    exact = ig.evaluate(ig.grad(error, theta), theta=at)

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.4))
    steps, numbers, colours = np.logspace(-14, 0, 29), {}, iter((BLUE, GREEN, ORANGE, RED))
    for kind, back, dtype in ((k, b, d) for d in ("float64", "float32") for k, b in KINDS.items()):
        f, errors = ig.compile(loss(hidden, dtype)[0]), []
        for step in steps:
            ends = [(f(theta=at + e), f(theta=at - back * e)) for e in np.eye(len(at)) * step]
            slopes = [(float(up) - float(down)) / (step * (1 + back)) for up, down in ends]
            errors.append(np.linalg.norm(slopes - exact) / np.linalg.norm(exact))
        left.loglog(steps, errors, ".-", color=next(colours), label=f"{kind} differences in {dtype}")
        best = int(np.argmin(errors))
        numbers[f"{kind}, {dtype}: best step, its error"] = float(steps[best]), float(errors[best])
    left.set(title="the error of the gradient", xlabel="step ε", ylabel="relative error", ylim=(1e-12, 1e2))
    left.legend()

    evaluations = []
    for size in sizes:
        error, theta = loss(size)
        flops = [ig.Graph(made).cost().flops for made in ([error], [error, ig.grad(error, theta)])]
        evaluations.append(flops[1] / flops[0])
    n = 10 * np.array(sizes)
    right.loglog(n, 2 * n, "o-", color=GREEN, label="central differences: 2n")
    right.loglog(n, n + 1, "s-", color=BLUE, label="forward differences: n + 1")
    right.loglog(n, evaluations, "^-", color=RED, label="backpropagation: flops of its graph")
    right.set(title="the work of one gradient", xlabel="parameters n", ylabel="evaluations of the loss")
    right.legend()
    return figure, numbers | {"n": n.tolist(), "backpropagation in evaluations": evaluations}


if __name__ == "__main__":
    show(main)
