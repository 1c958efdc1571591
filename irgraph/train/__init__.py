"""Training: the Trainer, its callbacks, and checkpoints that survive anything."""

from .callbacks import Callback, EarlyStopping, LambdaCallback, StopOnNaN
from .checkpoint import Checkpoint
from .history import History
from .logs import CSVLogger, JSONLLogger
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
    "StopOnNaN",
    "Trainer",
    "load",
    "load_state",
    "save",
    "save_state",
]
