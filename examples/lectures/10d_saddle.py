"""Optimizers around a saddle point, which the eigenvalues of the Hessian tell from a minimum.

L(x, y) = x² - y² + y⁴/4 has the gradient 0 in three points. Beside the ridge y = 0 gradient descent hangs at
the saddle; momentum and adaptive rates leave it sooner. From the ridge itself only a noisy gradient leaves.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

USED = [ig.optim.SGD(0.02), ig.optim.Momentum(0.02), ig.optim.Nesterov(0.02), ig.optim.Adagrad(0.1)]
USED += [ig.optim.Adadelta(1.0), ig.optim.RMSProp(0.02), ig.optim.Adam(0.02)]


def surface(x, y):
    return x**2.0 - y**2.0 + y**4.0 / 4


def descend(optimizer, start, steps, noise=0.0):
    theta, push = ig.parameter("θ", (2,), "float64", init=np.array(start)), ig.input("push", (2,), "float64")
    loss = surface(theta[0], theta[1]) + (push * theta).sum()  # adds `push` to the gradient
    step, path = ig.compile(loss, updates=optimizer.minimize(loss)), [np.array(start)]
    for push in noise * np.random.default_rng(0).normal(size=(steps, 2)):
        step(push=push)
        path.append(step.state["θ"].copy())
    return np.array(path)


def main(steps=300):
    at = ig.input("θ", (2,), "float64")
    second = ig.compile(ig.hessian(surface(at[0], at[1]), at).todense())
    figure, (plane, leaving, ridge) = plt.subplots(1, 3, figsize=(16, 5.4), width_ratios=(1.25, 1, 1))
    x, y = np.meshgrid(np.linspace(-1.1, 1.2, 100), np.linspace(-1.9, 1.9, 100))
    plane.contour(x, y, surface(x, y), 25, colors="0.85", linestyles="-")
    numbers = {key: {} for key in ("eigenvalues", "steps to y = 1", "last y from the ridge")}
    for point in (0.0, 0.0), (0.0, 2**0.5), (0.0, -(2**0.5)):
        low, high = numbers["eigenvalues"][point] = np.linalg.eigvalsh(second(θ=point)).tolist()
        kind = "saddle" if low < 0 < high else "minimum"
        plane.text(0.1, point[1] - 0.15, f"{kind}: λ = {low:.0f}, {high:.0f}", zorder=5)
    for optimizer in USED:
        path, name = descend(optimizer, (-1.0, 1e-3), steps), type(optimizer).__name__
        plane.plot(*path.T, "o-", markersize=2.5, linewidth=0.8)
        leaving.plot(path[:, 1], label=name)
        numbers["steps to y = 1"][name] = int(np.argmax(path[:, 1] > 1)) or None
    for noise in (0.0, 0.001, 0.01, 0.1):
        y = descend(USED[0], (-1.0, 0.0), steps, noise)[:, 1]
        ridge.plot(y, label=f"noise {noise:g}")
        numbers["last y from the ridge"][noise] = float(y[-1])
    plane.set(title="From (-1, 0.001): paths, and eigenvalues of the Hessian", xlabel="x", ylabel="y")
    leaving.set(title="From (-1, 0.001): times to leave", xlabel="step", ylabel="y")
    ridge.set(title="SGD from (-1, 0), on the ridge, with noise", xlabel="step", ylabel="y")
    leaving.legend()
    ridge.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
