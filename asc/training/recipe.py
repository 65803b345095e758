"""The recipe: everything that determines a training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asc.errors import UsageError
from asc.pipeline.augmentation import Augmentation
from asc.text import unknown_name

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
#: What a training may be stopped on and its best epoch chosen by.
MONITORS = ("val_loss", "val_accuracy", "loss", "accuracy")
SCHEDULES = ("constant", "cosine")
#: Types that layers compute in; weights and probabilities stay float32.
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

#: Whole numbers, and the least that each may be.
_WHOLE = {
    "epochs": 1,
    "patience": 0,
    "batch_size": 1,
    "seed": 0,
    "batches_per_epoch": 1,
    "limit": 1,
}
#: Other numbers, and below what each must stay; from 0 on.
_REAL = {
    "learning_rate": 100,
    "warmup": 10**6,
    "weight_decay": 1,
    "ema": 1,
    "label_smoothing": 1,
}
_OPTIONAL = ("batches_per_epoch", "limit", "weight_decay", "weights")
MULTIWORKER = "multiworker"
#: How a training is spread over devices (`asc.training.distributed`).
STRATEGIES = ("none", "mirrored", MULTIWORKER)


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, and how. The defaults are the documented system.

    Parameters
    ----------
    model : str
        A registered model (`asc.models`).
    feature : str
        One of the store's.
    split : str
        A split of the store. ``random`` leaks recordings into test.
    augment : str
        ``none``, ``thirds``, ``both``, a registered augmentation, or several joined
        by ``+``: see `asc.Augmentation`.
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
    schedule : {'constant', 'cosine'}
        ``cosine`` lowers the learning rate to 0 along half a cosine, which ends
        with the last of ``epochs`` (Loshchilov & Hutter 2017).
    warmup : float >= 0
        Over so many epochs the learning rate first rises in a line from 0.
    weight_decay : float >= 0, optional
        Share of the learning rate by which each step shrinks every trainable
        weight, apart from the gradient (Loshchilov & Hutter 2019). The
        optimizer's own if not given: 0.004 for adamw, 0 for the others.
    ema : float in [0, 1)
        If above 0, the model that is validated and kept is an exponential moving
        average of the weights after each step with this momentum (Polyak &
        Juditsky 1992). Moving statistics of batch normalisation are taken as
        they are.
    label_smoothing : float in [0, 1)
        Share of each label that is spread evenly over all scenes; in the loss of
        training and validation alike (Szegedy et al. 2016).
    seed : int >= 0
        Of initial weights, order, augmentation and dropout.
    weights : str, optional
        ``imagenet``, ``none`` or a file; what the model starts from. ImageNet
        for the pretrained models if not given.
    batches_per_epoch : int > 0, optional
        Cut every epoch after so many batches.
    limit : int > 0, optional
        Use at most so many clips of each part, for a quick trial.
    precision : {'float32', 'mixed_bfloat16', 'mixed_float16'}
        What layers compute in; weights stay float32.
    jit : bool
        Compile the steps by XLA, which rounds otherwise.
    deterministic : bool
        Have TensorFlow use none but operations that repeat their result bit for
        bit. That applies to the whole process, and to its end.
    imports : tuple of str
        Modules that register models of your own (`asc.register_model`). They are
        imported when the recipe is made, also by whatever opens its run later.
    strategy : {'none', 'mirrored', 'multiworker'}
        One device, all of the machine, or all of several machines
        (`asc.training.distributed`): each takes an equal share of every batch. Batch
        normalisation then goes by the share.

    Raises
    ------
    UsageError
        If a name is unknown or a number is out of range.
    InputError
        If a module cannot be imported.
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
    schedule: str = "constant"
    warmup: float = 0.0
    weight_decay: float | None = None
    ema: float = 0.0
    label_smoothing: float = 0.0
    seed: int = 0
    weights: str | None = None
    batches_per_epoch: int | None = None
    limit: int | None = None
    precision: str = "float32"
    jit: bool = False
    deterministic: bool = False
    imports: tuple[str, ...] = ()
    strategy: str = "none"

    def __post_init__(self) -> None:
        # Here, so that a list of defaults can be had without loading these.
        from asc.models import model_names
        from asc.registry import check_name, import_modules

        object.__setattr__(self, "imports", import_modules(self.imports))
        check_name("feature", self.feature)
        for name, known in (
            ("model", model_names()),
            ("optimizer", OPTIMIZERS),
            ("monitor", MONITORS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("strategy", STRATEGIES),
        ):
            if getattr(self, name) not in known:
                raise UsageError(unknown_name(name, str(getattr(self, name)), known))
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not least <= value < 2**31:
                raise UsageError(
                    f"{name} must be a whole number from {least} to {2**31 - 1}."
                    f" Got {value!r}."
                )
        for name, limit in _REAL.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < limit:
                raise UsageError(f"{name} must be in [0, {limit}). Got {value!r}.")
        if not self.learning_rate:
            raise UsageError("learning_rate must be above 0. Got 0.")
        if self.schedule == "cosine" and self.warmup >= self.epochs:
            raise UsageError(
                f"warmup must be shorter than epochs ({self.epochs}), or nothing is"
                f" left for the cosine. Got {self.warmup!r}; 0 leaves it out."
            )
        for name in ("jit", "deterministic"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(
                    f"{name} must be true or false. Got {getattr(self, name)!r}."
                )
        for name in ("split", "weights"):
            value = getattr(self, name)
            if not isinstance(value, str) and (
                value is not None or name not in _OPTIONAL
            ):
                raise UsageError(f"{name} must be text. Got {value!r}.")
        self.augmentation().transforms()  # check the strengths, and the names

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
