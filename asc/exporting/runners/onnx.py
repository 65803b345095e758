"""The model on ONNX Runtime (pip install onnxruntime)."""

import numpy as np
from onnxruntime import InferenceSession


class Model:
    """Gives probabilities [clips, scenes] for features."""

    def __init__(self, path: str) -> None:
        self._session = InferenceSession(path, providers=["CPUExecutionProvider"])
        (self._input,) = self._session.get_inputs()

    def __call__(self, features: np.ndarray) -> np.ndarray:
        given = {self._input.name: features.astype(np.float32)}
        found: np.ndarray = self._session.run(None, given)[0]
        return found
