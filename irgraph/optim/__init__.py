"""Optimizers as graph updates: ordinary nodes that the compiler plans and exports like any others."""

from .adam import Adam
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
