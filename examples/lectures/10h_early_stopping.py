"""When to stop: where the nll stops decreasing on a validation set, before the noise is learned by heart.

Stochastic gradient descent as in the notes: epochs of small random batches, until the criterion is reached.
One in eight labels is wrong. A small loss on the training set means in the end that those were memorized.
"""

import numpy as np
from diagrams import BLUE, GREY, RED, regions
from gallery import plt, show

import irgraph as ig

SMALL = {"epochs": 250}


def rings(count, seed, wrong=1 / 8):
    """Points in a disc and in a ring around it; some labels are wrong, and noise moves every point."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    radius, angle = (
        np.where(labels, 2.2, 0.9 * random.uniform(size=count) ** 0.5),
        random.uniform(0, 7, count),
    )
    points = (radius * [np.cos(angle), np.sin(angle)]).T + random.normal(scale=0.35, size=(count, 2))
    return points.astype("float32"), np.where(random.uniform(size=count) < wrong, 1 - labels, labels)


def fit(epochs, callbacks=()):
    """A trainer after its epochs, and what they told."""
    model = ig.nn.Sequential([ig.nn.Dense(64, "relu"), ig.nn.Dense(64, "relu"), ig.nn.Dense(2)])
    trainer = ig.Trainer(model, "softmax_cross_entropy", ig.optim.SGD(0.03, momentum=0.5), seed=0)
    options = {"batch_size": 16, "validation": rings(400, 1), "callbacks": callbacks, "progress": False}
    return trainer, trainer.fit(*rings(120, 0), epochs=epochs, **options)


def main(epochs=1000, patience=20):
    stopping = ig.train.EarlyStopping("val_loss", patience=patience)
    (early, short), (late, long) = fit(epochs, [stopping]), fit(epochs)
    best, _ = short.best("val_loss")
    figure, (course, *maps) = plt.subplots(1, 3, figsize=(15, 4.8))
    course.semilogx(long.epochs, long["loss"], color=BLUE, label="training set")
    course.semilogx(long.epochs, long["val_loss"], color=RED, label="validation set")
    course.axvline(best, color="k", linestyle="--", label=f"least: kept, epoch {best}")
    course.axvline(short.epochs[-1], color=GREY, linestyle=":", label=f"stopped, epoch {short.epochs[-1]}")
    course.set(title="nll by epoch, stopped or not", xlabel="epoch", ylabel="mean nll")
    course.legend(loc="lower left")
    (x, y), *_ = sets = rings(120, 0), rings(4000, 2, wrong=0)
    numbers = {"best epoch": best, "epochs": len(short.epochs), "why": short.stopped}
    numbers |= {"nll": long["loss"], "validation nll": long["val_loss"], "stopped nll": short["loss"]}
    for axis, name, trainer in zip(maps, ("stopped", "to the end"), (early, late), strict=True):
        trained, tested = (float((trainer.predict(at).argmax(axis=1) == to).mean()) for at, to in sets)
        regions(axis, lambda x, t=trainer: np.diff(t.predict(x)), x, y, span=3)
        axis.set_title(f"{name}: right for {trained:.0%} in training, {tested:.0%} unseen")
        numbers[name] = {"training labels": trained, "unseen points": tested}
    return figure, numbers


if __name__ == "__main__":
    show(main)
