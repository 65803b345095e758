"""The model on PyTorch (pip install torch)."""

import numpy as np
import torch


class Model:
    """Gives probabilities [clips, scenes] for features."""

    def __init__(self, path: str) -> None:
        self._program = torch.export.load(path).module()

    def __call__(self, features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found = self._program(torch.from_numpy(features.astype(np.float32)))
        return np.asarray(found)
