"""A convex loss and losses that are not: bad local minima and restarts; a cliff and clipping.

Descent comes to the one minimum of a convex loss, else to the next: of several starts the best is kept. At
a cliff a plain step throws the parameters away; a clipped one stays short, and so does one of adaptive size.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 200}
LOSSES = {"convex": lambda t, m: t**2.0 / 2, "not convex": lambda t, m: m.sin(3.0 * t) + t**2.0 / 8}
PLAIN, CLIPPED = ig.optim.SGD(0.5), ig.optim.SGD(0.5, clip=ig.optim.clip_by_norm(0.1))
CLIFF = {"plain": PLAIN, "clipped": CLIPPED, "RMSProp": ig.optim.RMSProp(0.02)}


def recurrent(theta, m):
    """The squared error of a recurrent unit's output σ(x) after 50 steps x ← w σ(x) + b from x = 0.5."""
    w, b, x = theta[0], theta[1], 0.5 + 0.0 * theta[0]
    for _ in range(50):
        x = w / (1.0 + m.exp(-x)) + b
    return (1.0 / (1.0 + m.exp(-x)) - 0.7) ** 2.0


def descend(surface, start, optimizer, steps):
    theta = ig.parameter("θ", np.shape(start), "float64", init=np.array(start))
    loss = surface(theta, ig).sum()
    step, path = ig.compile(loss, updates=optimizer.minimize(loss)), [np.array(start)]
    for _ in range(steps):
        step()
        path.append(step.state["θ"].copy())
    return np.array(path)


def main(steps=400):
    figure, axes = plt.subplots(1, 3, figsize=(16, 5), width_ratios=(1, 1, 1.3))
    line, starts, numbers = np.linspace(-5.7, 5.7, 400), np.linspace(-5, 5, 21), {}
    for axis, (name, surface) in zip(axes, LOSSES.items(), strict=False):
        ends = descend(surface, starts, ig.optim.SGD(0.05), steps)[-1]
        axis.plot(line, surface(line, np), starts, surface(starts, np), ".", ends, surface(ends, np), "o")
        axis.legend(["L(θ)", "starts", "ends"], loc="upper center")
        minima, counts = np.unique(ends.round(2) + 0.0, return_counts=True)
        numbers[name] = dict(zip(minima.tolist(), counts.tolist(), strict=True))
        axis.set(title=f"{name}; 21 starts, minima found: {len(minima)}", xlabel="θ", ylabel="L")
    w, b = np.meshgrid(np.linspace(3.5, 6, 200), np.linspace(-2.8, -1.2, 200))
    figure.colorbar(axes[2].contourf(w, b, recurrent((w, b), np), 30, cmap="Greys"), ax=axes[2], label="L")
    for name, optimizer in CLIFF.items():
        path = descend(recurrent, (5.5, -2.0), optimizer, steps)
        axes[2].plot(*path.T, "o-", markersize=3, linewidth=1)
        longest = np.linalg.norm(np.diff(path, axis=0), axis=1).max()
        numbers[name] = {"longest step": float(longest), "last loss": float(recurrent(path[-1], np))}
    axes[2].set(title="A cliff: a recurrent unit", xlabel="w", ylabel="b", xlim=(3.5, 6), ylim=(-2.8, -1.2))
    axes[2].legend(CLIFF, loc="upper left")
    return figure, numbers


if __name__ == "__main__":
    show(main)
