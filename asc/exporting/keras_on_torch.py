"""A program that converts a Keras model to PyTorch: MODEL.keras TARGET.pt2 MODULE...

It runs in a process of its own, with KERAS_BACKEND=torch; asc uses TensorFlow.
"""

from __future__ import annotations

import sys

from asc.registry import import_modules

#: Most clips in a batch.
_MOST_CLIPS = 4096


def main(source: str, target: str, *modules: str) -> None:
    """Convert a model that asc has loaded and checked before."""
    import keras
    import torch

    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    import_modules(modules)
    model = keras.saving.load_model(source, compile=False, safe_mode=True)
    clips = torch.export.Dim("clips", min=1, max=_MOST_CLIPS)
    model.export(target, format="torch", verbose=False, dynamic_shapes={0: clips})
    program = torch.export.load(target)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    torch.export.save(program, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
