"""Flat regions: in a deep network of sigmoids the gradient vanishes, with ReLU it does not.

Going back one layer multiplies by σ' ≤ 1/4, or by ReLU' = 1 for the units that are active: after 20 layers of
sigmoids nothing is left for the first layers to learn from.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 150}
UNITS = {"sigmoid": ig.init.glorot_normal(), "tanh": ig.init.glorot_normal(), "relu": ig.init.he_normal()}
WIDTH, EXAMPLES = 32, 128


def main(steps=500, depth=20):
    random = np.random.default_rng(0)
    x = random.normal(size=(EXAMPLES, WIDTH))
    y = np.sin(x[:, :1] + x[:, 1:2])
    figure, (slopes, sizes, course) = plt.subplots(1, 3, figsize=(16, 4.6))
    z, numbers = ig.input("z", ("points",), "float64"), {}
    line = np.linspace(-6, 6, 241)
    for name, init in UNITS.items():
        activation = getattr(ig, name)
        slopes.plot(line, ig.evaluate(ig.grad(activation(z).sum(), z), z=line), label=name)

        h, weights = ig.constant(x), []
        for k in range(1, depth + 1):
            weights.append(ig.parameter(f"{k}.w", (WIDTH, WIDTH), "float64", init=init))
            h = activation(h @ weights[-1])
        output = h @ ig.parameter("output.w", (WIDTH, 1), "float64", init=ig.init.glorot_normal())
        loss = ig.losses.squared_error(output, ig.constant(y))
        norms = [float(np.linalg.norm(each)) for each in ig.compile(ig.grad(loss, weights))()]
        sizes.semilogy(range(1, depth + 1), norms, "o-", label=name)
        step = ig.compile(loss, updates=ig.optim.SGD(0.02).minimize(loss))
        losses = [float(step()) for _ in range(steps)]
        course.plot(losses, label=name)
        numbers[name] = {"first layer / last layer": norms[0] / norms[-1], "least loss": min(losses)}
    slopes.set(title="Slope of the activation", xlabel="z", ylabel="derivative")
    sizes.set(title=f"Gradients at the start, {depth} layers", xlabel="layer", ylabel="‖∂loss/∂W‖")
    sizes.set_xticks(range(2, depth + 1, 2))
    course.axhline(y.var(), color="k", linestyle=":", label="a constant output")
    course.set(title="The loss while all layers learn", xlabel="step", ylabel="squared error")
    for axis in (slopes, sizes, course):
        axis.legend()
    return figure, numbers | {"variance of the target": float(y.var())}


if __name__ == "__main__":
    show(main)
