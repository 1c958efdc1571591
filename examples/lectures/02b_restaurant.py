"""How popular is a restaurant? Predefined subproblems against learned features, on data that are made up."""

import numpy as np
from diagrams import neurons
from gallery import plt, show

import irgraph as ig

SMALL = {"sizes": (50, 1600), "steps": 400}
RAW, ANSWERS = ["dishes", "price", "wine", "zip", "seats", "size"], ["quality", "walkable", "noisy"]


def restaurants(count, seed):
    """Raw features (count, 13), scaled to (-1, 1) or one-hot; the answers of the subproblems; popularity."""
    random = np.random.default_rng(seed)
    (dishes, price, seats, size), wine = random.uniform(-1, 1, (4, count)), random.integers(0, 2, count)
    code = random.integers(0, 8, count)
    quality, noisy = np.tanh(2 * price) - dishes**2 + 0.5 * wine, 1 / (1 + np.exp(4 * (size - seats)))
    answers = np.column_stack([quality, code / 7, noisy])
    popularity = answers @ [[1.0], [1.5], [-1.2]] + random.normal(scale=0.1, size=(count, 1))
    raw = np.column_stack([dishes, price, wine, np.eye(8)[code], seats, size])
    return {"x": raw, "answers": answers, "popularity": popularity}


def main(sizes=(25, 50, 100, 200, 400, 800, 1600), steps=1000):
    inputs = [ig.input(name, ("n", width)) for name, width in (("x", 13), ("answers", 3), ("popularity", 1))]
    (x, answers, popularity), dense, error = inputs, ig.nn.Dense, ig.losses.squared_error
    parts = zip(ANSWERS, ig.split(x, [3, 8, 2], axis=1), strict=True)  # each hᵢ sees its own raw features
    h = [ig.nn.Sequential([dense(8, "tanh"), dense(1)], name=name)(part) for name, part in parts]
    h = ig.concatenate(h, axis=1)
    models = {  # all have the hᵢ learn their subproblems, but only the second reads them, and weighs them
        "no intermediate features": dense(1, name="linear")(x),
        "three predefined subproblems": dense(1, name="w")(ig.stop_gradient(h)),
        "three learned features": ig.nn.Sequential([dense(24, "tanh"), dense(3), dense(1)])(x),
    }
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 5.4))
    unseen, numbers = restaurants(5000, 1), {}
    for name, prediction in models.items():
        loss, numbers[name] = error(prediction, popularity) + error(h, answers), []
        for size in sizes:
            adam, data = ig.optim.Adam(ig.optim.cosine(0.03, steps)), restaurants(size, 0)
            step = ig.compile(loss, updates=adam.minimize(loss), inputs=inputs)
            for _ in range(steps):
                step(**data)
            off = ig.compile(prediction, state=step.state)(x=unseen["x"]) - unseen["popularity"]
            numbers[name].append(float(np.sqrt(np.mean(off**2))))
        right.semilogx(sizes, numbers[name], "o-", label=name)
    right.axhline(0.1, color="k", linestyle=":", label="the noise in the data")
    right.set(title="popularity of unseen restaurants", xlabel="training examples", ylabel="RMS error")
    right.legend()
    own, every = np.repeat(np.eye(3), [3, 1, 2], axis=0), np.ones((6, 3))
    for axis, kind, h, wires in ((left, "predefined", ANSWERS, own), (middle, "learned", "???", every)):
        neurons(axis, [RAW, h, ["popular"]], [wires, np.ones((3, 1))], label="")
        axis.set_title(f"{kind} intermediate features")
    return figure, numbers


if __name__ == "__main__":
    show(main)
