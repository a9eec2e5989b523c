"""Callbacks: what is called at the events of training, evaluation and prediction."""

from kerasfront.callbacks.backup_and_restore import BackupAndRestore
from kerasfront.callbacks.callback import Callback
from kerasfront.callbacks.callback_list import CallbackList
from kerasfront.callbacks.csv_logger import CSVLogger
from kerasfront.callbacks.early_stopping import EarlyStopping
from kerasfront.callbacks.history import History
from kerasfront.callbacks.lambda_callback import LambdaCallback
from kerasfront.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from kerasfront.callbacks.model_checkpoint import ModelCheckpoint
from kerasfront.callbacks.progbar_logger import ProgbarLogger
from kerasfront.callbacks.remote_monitor import RemoteMonitor
from kerasfront.callbacks.swap_ema_weights import SwapEMAWeights
from kerasfront.callbacks.tensorboard import TensorBoard
from kerasfront.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]


def __dir__() -> list[str]:
    return __all__
