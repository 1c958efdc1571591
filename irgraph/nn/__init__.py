"""Layers: functions of values that own named parameters."""

from .activations import ACTIVATIONS
from .composition import Block, Residual
from .dense import Activation, Dense, Dropout, Flatten
from .layer import Layer
from .sequential import Sequential

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Block",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "Residual",
    "Sequential",
]
