"""Gradient descent on one parameter: "guess what number I'm thinking of".

The error is a parabola, (θ - 7)². Where the guess is too high, dL/dθ > 0, and θ ← θ - η dL/dθ lowers it; so
on until the change in loss is below a threshold, or for a number of steps. A step takes θ - 7 times 1 - 2η: a
low η creeps, one near 1 overshoots and swings, one above 1 diverges.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

NUMBER, THRESHOLD, MOST_STEPS = 7.0, 1e-6, 100
RATES = {0.01: "too low", 0.2: "good", 0.95: "overshoots", 1.02: "too high"}


def descend(rate):
    """The guesses and their losses."""
    theta = ig.parameter("θ", (), "float64", init=0.0)
    loss = (theta - NUMBER) ** 2.0
    step = ig.compile(loss, updates=[(theta, theta - rate * ig.grad(loss, theta))])  # the update rule
    guesses, losses, change = [], [], np.inf
    while len(losses) < MOST_STEPS and change >= THRESHOLD:
        guesses.append(float(step.state["θ"]))
        losses.append(float(step()))
        change = abs(losses[-1] - losses[-2]) if len(losses) > 1 else np.inf
    return guesses, losses


def main():
    figure, (parabola, course) = plt.subplots(1, 2, figsize=(12, 4.6))
    line, numbers = np.linspace(-3, 17), {}
    parabola.plot(line, (line - NUMBER) ** 2, color="0.7")
    for rate, name in RATES.items():
        guesses, losses = descend(rate)
        parabola.plot(guesses[:9], losses[:9], "o-", linewidth=1, markersize=5)
        course.semilogy(losses, label=f"η = {rate}: {name}, {len(losses)} steps")
        numbers[f"η = {rate}"] = {"steps": len(losses), "last guess": guesses[-1], "its loss": losses[-1]}
    parabola.set(title="The first eight steps from θ = 0", xlabel="θ", ylabel="L = (θ - 7)²", ylim=(-3, 100))
    course.set(title="All steps, until L changes by less than 10⁻⁶, at most 100", xlabel="step", ylabel="L")
    course.set_ylim(1e-7, 1e10)
    course.legend(loc="upper left")
    return figure, numbers


if __name__ == "__main__":
    show(main)
