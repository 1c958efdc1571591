"""Training: the Trainer, its callbacks, and checkpoints that survive anything."""

from .arrays import one_hot, train_test_split
from .callbacks import Callback, EarlyStopping, LambdaCallback, StopOnNaN
from .checkpoint import Checkpoint
from .history import History
from .logs import CSVLogger, JSONLLogger
from .plateau import ReduceLROnPlateau
from .storage import load, save
from .trainer import Trainer
from .weights import load_state, save_state

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "JSONLLogger",
    "LambdaCallback",
    "ReduceLROnPlateau",
    "StopOnNaN",
    "Trainer",
    "load",
    "load_state",
    "one_hot",
    "save",
    "save_state",
    "train_test_split",
]
