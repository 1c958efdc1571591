"""The learning rate in practice, on handwritten digits: a large value first, decay, plateaus, Adam's 3e-4.

Try a large η, and divide by 10 where it diverges or stays at a plateau. A large constant rate prevents final
convergence: multiply it by β < 1 after each update, or divide it where the validation loss makes no progress.
"""

from gallery import plt, show
from sklearn.datasets import load_digits

import irgraph as ig

SMALL = {"epochs": 12, "rates": (3e-5, 3e-4, 3e-3)}
LARGE, BATCH = 0.5, 32
PLATEAU = ig.train.ReduceLROnPlateau("val_loss", factor=0.1, patience=2)
DECAYS = {
    "constant": (LARGE, []),
    "times β = 0.998 after each update": (ig.optim.exponential(LARGE, 0.998), []),
    "divided by 10 on a plateau": (LARGE, [PLATEAU]),
}


def fit(optimizer, data, epochs, callbacks=()):
    x, y, *validation = data
    model = ig.nn.Sequential([ig.nn.Dense(64, "relu"), ig.nn.Dense(10)])
    trainer = ig.Trainer(model, "softmax_cross_entropy", optimizer, metrics=["accuracy"])
    return trainer.fit(x, y, epochs=epochs, validation=tuple(validation), callbacks=callbacks, progress=False)


def main(epochs=40, rates=(3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)):
    images, labels = load_digits(return_X_y=True)
    data = images[:1000] / 16, labels[:1000], images[1000:] / 16, labels[1000:]
    figure, (search, decay, adam) = plt.subplots(1, 3, figsize=(16, 4.8))
    x, y = ig.input("x", ("batch", 64)), ig.input("y", ("batch",), "int64")
    scores = ig.nn.Sequential([ig.nn.Dense(64, "relu"), ig.nn.Dense(10)])(x)
    loss = ig.losses.softmax_cross_entropy(scores, y)
    step = ig.compile(loss, updates=ig.optim.SGD(1.0).minimize(loss))
    batches = [{"x": data[0][n : n + BATCH], "y": data[1][n : n + BATCH]} for n in range(0, 960, BATCH)]
    found = ig.optim.find_learning_rate(step, lambda n: batches[n % len(batches)], start=100.0)
    for trial in found.tried:
        search.semilogy(trial.losses, label=f"η = {trial.rate:g}")
    numbers = {"found": found.rate, "tried": [trial.rate for trial in found.tried]}
    for name, (rate, callbacks) in DECAYS.items():
        history = fit(ig.optim.SGD(rate, momentum=0.9), data, epochs, callbacks)
        decay.semilogy(history.epochs, history["loss"], label=name)
        numbers[name] = history["loss"][-1]
    ends = [fit(ig.optim.Adam(rate), data, epochs)["val_loss"][-1] for rate in rates]
    adam.loglog(rates, ends, "o-")
    adam.axvline(3e-4, color="C1", linestyle="--", label="3e-4")
    numbers["Adam"] = dict(zip(rates, ends, strict=True))
    search.set(title="SGD: divide by 10 until it works", xlabel="step", ylabel="loss")
    decay.set(title=f"SGD with momentum, from η = {LARGE}", xlabel="epoch", ylabel="loss")
    adam.set(title=f"Adam after {epochs} epochs", xlabel="η", ylabel="validation loss")
    for axis in (search, decay, adam):
        axis.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
