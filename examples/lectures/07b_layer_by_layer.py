"""The notes' backward pass that updates on its way, beside updates of all layers at once.

From the last layer to the first, w⁽ᵏ⁾ makes a gradient step through the layers after it with the weights that
they have by then, at the values z⁽ᵏ⁾ of the forward pass. A step of rate η is O(η²) from the usual one.
"""

import numpy as np
from gallery import plt, show

import irgraph as ig

SMALL = {"steps": 50}
UNITS, NAMES = (8, 16, 12, 4), ("1.W", "2.W", "3.W")
ORDERS = {"at once": ig.optim.SGD, "layer by layer": lambda rate: ig.optim.layerwise(ig.optim.SGD(rate))}


def by_hand(x, y, weights, rate):
    """One step of the notes' algorithm for layers tanh(z W), of which the last has the loss above it."""
    z, new, above = [x], {}, None
    for name in NAMES:  # step 1, forward pass
        z.append(np.tanh(z[-1] @ weights[name]))
    for name, below in zip(NAMES[::-1], z[-2::-1], strict=True):  # step 2, backward pass
        f = z.pop()
        slope = (1 - f**2) * (2 * (f - y) / len(x) if above is None else above)
        new[name] = weights[name] - rate * below.T @ slope
        f = np.tanh(below @ new[name])  # the layer again, with its new weights
        above = (1 - f**2) * (2 * (f - y) / len(x) if above is None else above) @ new[name].T
    return new


def main(steps=300, rates=(0.02, 0.05, 0.1, 0.2, 0.5)):
    f = ig.constant(x := np.random.default_rng(0).normal(size=(64, UNITS[0])))
    y = np.tanh(x[:, :4] * x[:, 4:])
    for name, *sizes in zip(NAMES, UNITS, UNITS[1:], strict=False):
        f = ig.tanh(f @ ig.parameter(name, sizes, "float64", init=ig.init.glorot_normal()))
    loss = ((f - ig.constant(y)) ** 2.0).sum() / len(x)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    losses, apart = {}, {}  # apart: the weights after one step, from those of the notes' algorithm
    for order, rate in ((order, rate) for order in ORDERS for rate in rates):
        step = ig.compile(loss, updates=ORDERS[order](rate).minimize(loss))
        expected = by_hand(x, y, step.state, rate)
        losses[order, rate] = [float(step())]
        apart[order, rate] = max(float(np.abs(step.state[name] - expected[name]).max()) for name in NAMES)
        losses[order, rate] += [float(step()) for _ in range(steps)]
        if rate in rates[1::3]:
            style = "-" if order == "at once" else ("k:" if rate < 0.1 else "k-.")
            left.plot(losses[order, rate], style, label=f"η = {rate}, {order}")
    gaps = [apart["at once", rate] for rate in rates]
    right.loglog(rates, gaps, "o", rates, gaps[0] * (np.array(rates) / rates[0]) ** 2, "--")
    left.set(title="Two orders of updates", xlabel="step", ylabel="loss")
    right.set(title="Weights after one step", xlabel="rate η", ylabel="largest difference (dashed: ∝ η²)")
    right.set_xticks(rates, rates)
    right.minorticks_off()
    left.legend()
    return figure, {"difference": apart, "last loss": {key: each[-1] for key, each in losses.items()}}


if __name__ == "__main__":
    show(main)
