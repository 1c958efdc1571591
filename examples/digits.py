"""Learn handwritten digits, use the model, and save it as ONNX: `irgraph demo` as a plain script.

Needs scikit-learn for its 1,797 digits: pip install "irgraph[demo]"
"""

import numpy as np
from sklearn.datasets import load_digits

import irgraph as ig
from irgraph.nn import Dense, Sequential, Standardize

# ------------------------------------------------------------------------------------ the data
pixels, labels = load_digits(return_X_y=True)
held_out, seen = np.split(np.random.default_rng(0).permutation(len(pixels)), [360])

# ----------------------------------------------------------------- the model, and what it learns by
scale = Standardize().fit(pixels[seen])
model = Sequential([scale, Dense(64, "relu"), Dense(10)], name="digits")
print(model.summary((64,)))
trainer = ig.Trainer(model, "softmax_cross_entropy", ig.optim.Adam(3e-3), metrics=["accuracy"], seed=0)

# ------------------------------------------------------------------------------------- training
validation = (pixels[held_out], labels[held_out])
history = trainer.fit(pixels[seen], labels[seen], batch_size=32, epochs=20, validation=validation)
print(trainer.step.memory())

# -------------------------------------------------------- a part of the model, on the same state
hidden = ig.compile(model[:2](ig.input("x", ("batch", 64))), state=trainer.state)
print("hidden representation of a digit:", hidden(x=pixels[:1]).round(1))

# ------------------------------------------------------------------------- the model for others
ig.onnx.save(trainer.prediction, "digits.onnx")
print("wrote digits.onnx")
