"""An autoencoder of digits: 64 pixels to a code of a few numbers and back; encoder, decoder, new images."""

import numpy as np
from data import digits
from diagrams import tiles
from gallery import plt, show
from sklearn.decomposition import PCA

import irgraph as ig

SMALL = {"epochs": 50, "sizes": (2,)}


def autoencoder(images, size, epochs):
    """Train a network on its own input: minimize ‖x - f(x)‖². Its narrowest layer has `size` units."""
    encoder = ig.nn.Sequential([ig.nn.Flatten(), ig.nn.Dense(64, "tanh"), ig.nn.Dense(size)], name="f2")
    last = [ig.nn.Dense(64, "sigmoid"), ig.nn.Reshape((8, 8))]
    decoder = ig.nn.Sequential([ig.nn.Dense(64, "tanh"), *last], name="f3")
    trainer = ig.Trainer(ig.nn.Sequential([encoder, decoder]), "squared_error", ig.optim.Adam(3e-3))
    trainer.fit(images, images, epochs=epochs, progress=False)
    encode = ig.compile(encoder(ig.input("x", ("batch", 8, 8))), state=trainer.state)
    return encode, ig.compile(decoder(ig.input("code", ("batch", size))), state=trainer.state)


def main(epochs=100, sizes=(16, 8, 4, 2)):
    (images, _), (held_out, labels) = digits()
    ten = [int(np.argmax(labels == n)) for n in range(10)]  # one of each
    flat, errors, rows = held_out.reshape(-1, 64), {}, [held_out[ten]]
    for size in sizes:
        encode, decode = autoencoder(images, size, epochs)
        rebuilt = decode(code=encode(x=held_out))
        rows.append(rebuilt[ten])
        linear = PCA(size).fit(images.reshape(-1, 64))  # the best linear code
        others = rebuilt.reshape(-1, 64), linear.inverse_transform(linear.transform(flat))
        errors[f"{size} numbers"] = [float(((other - flat) ** 2).mean()) for other in others]
    codes = encode(x=held_out)  # the last ones, of two numbers
    across, up = np.quantile(codes, np.linspace(0.03, 0.97, 12), axis=0).T
    grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2)

    figure, axes = plt.subplots(2, 2, figsize=(12, 11))
    tiles(axes[0, 0], np.concatenate(rows), 10, cmap="Greys", vmin=0, vmax=1)
    axes[0, 0].set_title(f"Held-out digits, and decoded from {', '.join(map(str, sizes))} numbers")
    axes[0, 1].plot(sizes, list(errors.values()), "o-", label=("autoencoder", "linear: principal components"))
    axes[0, 1].legend()
    axes[0, 1].set(
        title="Errors on all held-out digits", xlabel="numbers in a code", ylabel="mean squared error"
    )
    axes[1, 0].plot(*codes.T, ",")
    for code, label in zip(codes, labels, strict=True):
        axes[1, 0].text(*code, label, color=plt.get_cmap("tab10")(label), ha="center", va="center")
    axes[1, 0].set(title="Codes of two numbers", xlabel="x′₁", ylabel="x′₂")
    tiles(axes[1, 1], decode(code=grid), 12, cmap="Greys", vmin=0, vmax=1)
    axes[1, 1].set_title("New images: a grid of such codes, decoded")
    return figure, errors


if __name__ == "__main__":
    show(main)
