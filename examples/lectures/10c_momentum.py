"""Momentum 0, 0.6, 0.8 and 0.9 on an ill-conditioned quadratic, at the step size 0.0030 of the notes.

m ← γ m + η ∇L, θ ← θ - m: gradients add up along the valley, where their sign is constant, and cancel across.
The steep direction limits the rate, at 2 (1 + γ) / 600; the one that is 100 times flatter has to wait for it.
Momentum allows larger rates, and creates oscillations of its own.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

CURVATURES, START, RATE = (6.0, 600.0), (-1.0, 0.4), 0.0030  # L = ½ Σ λ θ²
MOMENTA = (0.0, 0.6, 0.8, 0.9)
SMALL = {"rates": 20}


def descend(momentum, rate, steps):
    theta = ig.parameter("θ", (2,), "float64", init=np.array(START))
    loss = (ig.constant(CURVATURES, "float64") * theta**2.0).sum() / 2
    step = ig.compile(loss, updates=ig.optim.Momentum(rate, momentum).minimize(loss))
    path = [step.state["θ"].copy()]
    for _ in range(steps):
        step()
        path.append(step.state["θ"].copy())
    return np.array(path)


def main(steps=150, rates=60):
    figure, axes = plt.subplots(2, 3, figsize=(15, 7))
    (*_, course), (*_, reach) = axes
    x, y = np.meshgrid(np.linspace(-1.1, 0.6, 100), np.linspace(-0.5, 0.5, 100))
    loss = (CURVATURES[0] * x**2 + CURVATURES[1] * y**2) / 2
    tried, numbers = np.linspace(0.0005, 0.0075, rates), {}
    for axis, momentum in zip(axes[:, :2].flat, MOMENTA, strict=True):
        path = descend(momentum, RATE, steps)
        axis.contour(x, y, loss, levels=np.geomspace(0.05, 150, 12), colors="0.85", zorder=0)
        axis.plot(*path.T, "o-", markersize=3, linewidth=0.8)
        axis.plot(0, 0, "k*", markersize=10)
        axis.set(title=f"momentum γ = {momentum}, η = {RATE:.4f}", xlabel="θ₁", ylabel="θ₂")
        distance = np.linalg.norm(path, axis=1)
        course.semilogy(distance, label=f"γ = {momentum}")
        ends = [np.linalg.norm(descend(momentum, rate, steps)[-1]) for rate in tried]
        reach.semilogy(tried, ends, label=f"γ = {momentum}")
        largest = max(rate for rate, end in zip(tried, ends, strict=True) if end < distance[0])
        numbers[f"γ = {momentum}"] = {"last distance": float(distance[-1]), "largest rate": float(largest)}
    course.set(title=f"All four, η = {RATE:.4f}", xlabel="step", ylabel="distance from the minimum")
    reach.set(title="Other step sizes", xlabel="step size η", ylim=(1e-10, 1e3))
    reach.set_ylabel(f"distance after {steps} steps")
    course.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
