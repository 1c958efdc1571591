"""E, F and L in noise: a network with two hidden units, cut into features F and a linear classifier f."""

import numpy as np
from diagrams import classes, tiles
from gallery import plt, show

import irgraph as ig

SMALL = {"epochs": 60}
LOSS = "sigmoid_cross_entropy"  # of binary output units


def letters(count, random, noise=0.4):
    """Noisy images of 8×8 pixels, and which letter each is."""
    clean = np.zeros((3, 8, 8))
    clean[:, 1:7, 2] = 1  # E, F and L have the stem,
    clean[:2, 1, 2:6] = clean[:2, 3, 2:6] = 1  # E and F the bars at the top and in the middle,
    clean[[0, 2], 6, 2:6] = 1  # E and L the bar at the bottom
    which = np.arange(count) % 3
    return clean[which] + noise * random.normal(size=(count, 8, 8)), which


def main(epochs=150, seed=2):
    random = np.random.default_rng(0)
    (images, which), (new, answers) = letters(600, random), letters(600, random)
    features = ig.nn.Sequential([ig.nn.Flatten(), ig.nn.Dense(2, "sigmoid")], name="F")
    network = ig.nn.Sequential([features, classifier := ig.nn.Dense(3, name="f")])
    trainer = ig.Trainer(network, LOSS, ig.optim.Adam(0.01, weight_decay=1e-4), seed=seed)
    trainer.fit(images, np.eye(3)[which], epochs=epochs, progress=False)
    f = ig.compile(classifier(ig.input("h", ("batch", 2))), state=trainer.state)
    F = ig.compile(features(ig.input("x", ("batch", 8, 8))), state=trainer.state)
    h, scores, weights = F(x=new), trainer.predict(new), trainer.state["F.1.w"].reshape(8, 8, 2)

    # F stays as it is and another classifier learns on it: logistic regression
    logistic = ig.nn.Sequential([features.freeze(), ig.nn.Dense(3, name="logistic")])
    again = ig.Trainer(logistic, LOSS, ig.optim.Adam(0.05, name="logistic"), state=trainer.state)
    again.fit(images, np.eye(3)[which], epochs=epochs // 2, progress=False)
    numbers = {
        "right": float((scores.argmax(axis=1) == answers).mean()),
        "right, logistic regression": float((again.predict(new).argmax(axis=1) == answers).mean()),
        "difference of network and f(F(x))": float(abs(f(h=h) - scores).max()),
        "mean h of E, F, L": [h[answers == n].mean(axis=0).tolist() for n in range(3)],
    }
    figure, axes = plt.subplots(1, 4, figsize=(15, 4.2))
    tiles(axes[0], images[:12], 3, cmap="Greys", vmin=0)
    axes[0].set_title("Training data: E, F, L with noise")
    for unit, told in enumerate(("tells E, F from L", "tells E, L from F")):
        axes[1 + unit].imshow(weights[..., unit], cmap="Greys")
        axes[1 + unit].set_title(f"Weights of h{'₁₂'[unit]}: {told}").axes.set_axis_off()
    classes(axes[3], lambda h: f(h=h), -0.1, 1.1)
    for n, (name, marker) in enumerate(zip("EFL", "os^", strict=True)):
        axes[3].plot(*h[answers == n].T, marker, markersize=4, label=name)
    axes[3].set(title="Features F(x) and the regions of f", xlabel="h₁", ylabel="h₂")
    axes[3].legend(loc="center left")
    return figure, numbers


if __name__ == "__main__":
    show(main)
