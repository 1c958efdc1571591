"""What three hidden units can approximate (after Bishop's figure 5.3), and from how many starts they find it.

50 training points, x in (-1, 1), for sin x in (-π, π): a whole period. The loss is not convex in the ten
parameters, so that a start may end in a poor local minimum; the best of the starts is drawn.
"""

import numpy as np
from diagrams import BLUE, GREEN, RED
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 400}
TARGETS = {"x²": (np.square, "tanh", 1), "sin x": (np.sin, "sigmoid", np.pi), "|x|": (np.abs, "sigmoid", 1)}
TARGETS["H(x)"] = (lambda x: np.heaviside(x, 0.5), "tanh", 1)
ACTIVATIONS = {"tanh": ig.tanh, "sigmoid": ig.sigmoid}


def train(at, target, g, steps, starts=16):
    """f(x) = w₀ + Σ wᵢ hᵢ(x) with hᵢ(x) = g(vᵢx + bᵢ), i = 1, 2, 3: all starts in one graph."""
    x, y = ig.input("x", ("points", 1, 1)), ig.input("y", ("points", 1))
    v, b, w = (ig.parameter(name, (starts, 3), init=ig.init.normal(1.0)) for name in "vbw")
    h = g(x * v + b)
    f = (w * h).sum(axis=2) + ig.parameter("w0", (starts,))
    errors = ((f - y) ** 2).mean(axis=0)
    adam = ig.optim.Adam(ig.optim.cosine(0.2, steps))
    step = ig.compile({"h": h, "f": f, "errors": errors}, updates=adam.minimize(errors.sum()))
    for _ in range(steps):
        found = step(x=at[:, None, None], y=target[:, None])
    best = found["errors"].argmin()
    return found["f"][:, best], found["h"][:, best], np.sqrt(np.sort(found["errors"]))


def main(steps=2000):
    figure, axes = plt.subplot_mosaic("ABE;CDE", figsize=(14, 8))
    numbers = {}
    for letter, marker, (name, (function, g, span)) in zip("ABCD", "os^D", TARGETS.items(), strict=True):
        at = np.linspace(-span, span, 50)
        f, h, errors = train(at, function(at), ACTIVATIONS[g], steps)
        axes[letter].plot(
            at, h, "--", color=GREEN, linewidth=1, label=["outputs of the hidden units", "", ""]
        )
        axes[letter].plot(at, function(at), ".", color=BLUE, label="training points")
        axes[letter].plot(at, f, color=RED, label="output of the network")
        axes[letter].set(title=f"{name}: three {g} units, RMS error {errors[0]:.3f}", xlabel="x")
        axes[letter].set_xticks(np.linspace(-span, span, 5).round(1))
        axes["E"].semilogy(errors, marker + "-", label=name)
        numbers[name] = {"best": float(errors[0]), "median": float(np.median(errors)), "f": f[::7].tolist()}
    axes["A"].legend(loc="upper center")
    axes["E"].set(
        title="local minima: not every start finds the best", xlabel="start, sorted", ylabel="RMS error"
    )
    axes["E"].legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
