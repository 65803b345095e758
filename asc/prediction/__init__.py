"""A run's model on audio of any sample rate and length.

Memory does not grow with the length of a file or with the number of files: windows
are cut from a stream, and go through the model in batches that span files.
"""

from asc.prediction.prediction import Prediction, Predictions
from asc.prediction.predictor import predict

__all__ = ["Prediction", "Predictions", "predict"]
