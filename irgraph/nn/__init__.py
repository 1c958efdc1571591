"""Layers: functions of values that own named parameters."""

from .activations import ACTIVATIONS
from .composition import Block, Residual
from .dense import Activation, Dense, Dropout, Flatten
from .features import FeatureMap, PolynomialFeatures
from .kernel_features import KernelFeatures, RBFFeatures
from .layer import Layer
from .quantile_normalize import QuantileNormalize
from .sequential import Sequential
from .standardize import Standardize

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Block",
    "Dense",
    "Dropout",
    "FeatureMap",
    "Flatten",
    "KernelFeatures",
    "Layer",
    "PolynomialFeatures",
    "QuantileNormalize",
    "RBFFeatures",
    "Residual",
    "Sequential",
    "Standardize",
]
