"""The recipe: everything that determines a training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asc.errors import UsageError, unknown_name
from asc.pipeline.augmentation import Augmentation

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
#: What a training may be stopped on and its best epoch chosen by.
MONITORS = ("val_loss", "val_accuracy", "loss", "accuracy")


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, and how. The defaults are the documented system.

    Parameters
    ----------
    model : str
        A registered model (`asc.models`).
    feature : {'mel', 'stft'}
    split : str
        A split of the store. ``random`` leaks recordings into test.
    augment : {'none', 'mixup', 'specaugment', 'both', 'thirds'}
    mixup_alpha, freq_masks, freq_width, time_masks, time_width
        Strengths, see `asc.pipeline.Augmentation`.
    epochs : int > 0
        At most so many.
    patience : int >= 0
        Stop after so many epochs without a better ``monitor``; 0 for never.
    monitor : {'val_loss', 'val_accuracy', 'loss', 'accuracy'}
        Also decides which epoch's model is kept.
    batch_size : int > 0
    optimizer : {'adam', 'adamw', 'sgd', 'rmsprop'}
    learning_rate : float > 0
    seed : int >= 0
        Of initial weights, order, augmentation and dropout.
    weights : str, optional
        ``imagenet``, ``none`` or a file; what the model starts from. ImageNet
        for the pretrained models if not given.
    batches_per_epoch : int > 0, optional
        Cut every epoch after so many batches.
    limit : int > 0, optional
        Use at most so many clips of each part, for a quick trial.

    Raises
    ------
    UsageError
        If a name is unknown or a number is out of range.
    """

    model: str = "simple-cnn"
    feature: str = "mel"
    split: str = "random"
    augment: str = "thirds"
    mixup_alpha: float = Augmentation.mixup_alpha
    freq_masks: int = Augmentation.freq_masks
    freq_width: int = Augmentation.freq_width
    time_masks: int = Augmentation.time_masks
    time_width: int = Augmentation.time_width
    epochs: int = 50
    patience: int = 5
    monitor: str = "val_loss"
    batch_size: int = 16
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    seed: int = 0
    weights: str | None = None
    batches_per_epoch: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        # Here, so that a list of defaults can be had without loading these.
        from asc.features import FEATURES
        from asc.models import model_names

        for name, known in (
            ("model", model_names()),
            ("feature", FEATURES),
            ("optimizer", OPTIMIZERS),
            ("monitor", MONITORS),
        ):
            if getattr(self, name) not in known:
                raise UsageError(unknown_name(name, str(getattr(self, name)), known))
        for name, least in (
            ("epochs", 1),
            ("patience", 0),
            ("batch_size", 1),
            ("seed", 0),
            ("batches_per_epoch", 1),
            ("limit", 1),
        ):
            value = getattr(self, name)
            if value is None and name in ("batches_per_epoch", "limit"):
                continue
            if not isinstance(value, int) or not least <= value < 2**31:
                raise UsageError(
                    f"{name} must be a whole number from {least} to {2**31 - 1}."
                    f" Got {value!r}."
                )
        rate = self.learning_rate
        if not isinstance(rate, (int, float)) or not 0 < rate < 100:
            raise UsageError(f"learning_rate must be in (0, 100). Got {rate!r}.")
        for name in ("split", "weights"):
            value = getattr(self, name)
            if not isinstance(value, str) and (name == "split" or value is not None):
                raise UsageError(f"{name} must be text. Got {value!r}.")
        self.augmentation()  # checks its own fields

    def augmentation(self) -> Augmentation:
        """Return the augmentation with its strengths."""
        return Augmentation(
            policy=self.augment,
            mixup_alpha=self.mixup_alpha,
            freq_masks=self.freq_masks,
            freq_width=self.freq_width,
            time_masks=self.time_masks,
            time_width=self.time_width,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe with the given fields; others have their defaults.

        Raises
        ------
        UsageError
            If a field is unknown; the nearest name is offered.
        """
        known = tuple(field.name for field in dataclasses.fields(cls))
        if not isinstance(values, Mapping):
            raise UsageError(f"Not a recipe: {values!r}.")
        for name in values:
            if name not in known:
                raise UsageError(unknown_name("field of a recipe", str(name), known))
        return cls(**values)
