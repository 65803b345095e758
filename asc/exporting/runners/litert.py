"""The model on LiteRT (pip install ai-edge-litert)."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Model:
    """Gives probabilities [clips, scenes] for features, one clip after the other."""

    def __init__(self, path: str) -> None:
        self._interpreter = Interpreter(path)
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    def __call__(self, features: np.ndarray) -> np.ndarray:
        found = []
        for clip in features.astype(np.float32):
            self._interpreter.set_tensor(self._input["index"], clip[np.newaxis])
            self._interpreter.invoke()
            found.append(self._interpreter.get_tensor(self._output["index"])[0])
        return np.array(found)
