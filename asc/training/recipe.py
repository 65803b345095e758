"""The recipe: everything that determines a training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from asc.errors import InputError, UsageError
from asc.models import describe
from asc.models.entries import MODELS
from asc.pipeline.augmentation import Augmentation, parse_policy
from asc.registry import check_modules, check_name, missing_modules
from asc.validation import (
    check_choice,
    check_fields,
    check_flag,
    check_number,
    check_text,
    check_whole,
)

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
#: What a training may be stopped on and its best epoch chosen by.
MONITORS = ("val_loss", "val_accuracy", "loss", "accuracy")
SCHEDULES = ("constant", "cosine")
#: What gets the same weight in the loss of training, however many clips it has.
BALANCES = ("none", "scene")
#: Types that layers compute in; weights and probabilities stay float32.
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

#: Fields that a model uses whose last layer alone is fitted, at once.
_USED_AT_ONCE = (
    *("model", "feature", "split", "limit", "seed", "balance"),
    *("precision", "deterministic", "imports"),
)

MULTIWORKER = "multiworker"
#: How a training is spread over devices (`asc.training.distributed`).
STRATEGIES = ("none", "mirrored", MULTIWORKER)


def _checked(default: Any, check: Callable[..., Any], **limits: Any) -> Any:
    """Return a field with a default, and the check that its values must pass."""
    return dataclasses.field(
        default=default, metadata={"check": partial(check, **limits)}
    )


def _check_policy(name: str, value: Any) -> str:
    parse_policy(check_text(name, value))
    return str(value)


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, and how. The defaults are the documented system.

    Making a recipe imports no module and asks no registry: see `resolve`.

    Parameters
    ----------
    model : str
        A registered model (`asc.models`).
    feature : str
        A feature of the store, such as ``mel`` or ``stft``.
    split : str
        A split of the store. ``random`` leaks recordings into test.
    augment : str
        ``none``, ``thirds``, ``both``, a registered augmentation, or several joined
        by ``+``, with strengths as in ``stretch:most=0.2``: see `asc.Augmentation`.
    mixup_alpha, freq_masks, freq_width, time_masks, time_width
        Strengths, see `asc.Augmentation`.
    epochs : int > 0
        Maximum number of epochs.
    steps : int > 0, optional
        Number of batches to train on instead of ``epochs``, rounded up to whole
        epochs: a small corpus then gets more epochs than a large one.
    validate_steps : int > 0, optional
        Validate, record and save only after this many batches, rounded to whole
        epochs; after every epoch if not given.
    patience : int >= 0
        Stop after this many validations without a better ``monitor``; 0 for never.
        If ``validate_steps`` is not given, this is a number of epochs.
    monitor : {'val_loss', 'val_accuracy', 'loss', 'accuracy'}
        Also decides which epoch's model is kept.
    batch_size : int > 0
    optimizer : {'adam', 'adamw', 'sgd', 'rmsprop'}
    learning_rate : float > 0
    schedule : {'constant', 'cosine'}
        Learning-rate schedule. ``cosine`` lowers the learning rate to 0 along half a
        cosine that ends with the last of ``epochs`` (Loshchilov & Hutter 2017).
    warmup : float >= 0
        Number of epochs over which the learning rate first rises linearly from 0.
    weight_decay : float >= 0, optional
        Decoupled weight decay (Loshchilov & Hutter 2019): each step shrinks every
        trainable weight by this share of the learning rate. The optimizer's default
        if not given: 0.004 for adamw, 0 for the others.
    ema : float in [0, 1)
        Momentum of the exponential moving average (EMA) of the weights. Above 0, the
        EMA weights are what is validated and kept (Polyak & Juditsky 1992). Moving
        statistics of batch normalisation are not averaged again.
    label_smoothing : float in [0, 1)
        Share of each label that is spread evenly over all scenes, in the loss of
        training and validation alike (Szegedy et al. 2016).
    balance : {'none', 'scene'}
        ``scene``: a clip's weight in the loss of training is inverse to the number of
        clips of its scene in train; a mixed clip has the mixed weight. Accuracy in
        training is weighted alike, validation and test are not.
    seed : int >= 0
        Of initial weights, sampling, augmentation and dropout.
    weights : str, optional
        Initial weights: ``imagenet``, ``none`` or a file. ImageNet for the
        pretrained models if not given.
    init_from : str, optional
        A run folder to start from: all its weights if the scenes are the same, else
        all but those of the last layer (`asc.training.source`).
    batches_per_epoch : int > 0, optional
        Cut every epoch after this many batches.
    limit : int > 0, optional
        Use at most this many clips of each part, for a quick trial.
    precision : {'float32', 'mixed_bfloat16', 'mixed_float16'}
        Dtype policy of the layers; weights stay float32.
    jit : bool
        Compile the steps with XLA, which rounds differently.
    deterministic : bool
        Use only TensorFlow operations that repeat their result bit for bit. This
        holds for the whole process, until it ends.
    imports : tuple of str
        Modules that register models and augmentations of your own, for the record.
        Import them yourself, in Python or by ``--import``: asc imports no module
        because a recipe or a run names it.
    strategy : {'none', 'mirrored', 'multiworker'}
        One device, all devices of the machine, or all of several machines
        (`asc.training.distributed`). Each device takes an equal part of every batch;
        batch normalisation uses the statistics of that part.

    Raises
    ------
    UsageError
        If a value is malformed or out of range.

    Examples
    --------
    >>> recipe = asc.Recipe(split="recording", optimizer="adamw", schedule="cosine")
    >>> recipe.model, recipe.feature, recipe.epochs
    ('simple-cnn', 'mel', 50)
    """

    model: str = _checked("simple-cnn", check_name)
    feature: str = _checked("mel", check_name)
    split: str = _checked("random", check_text)
    augment: str = _checked("thirds", _check_policy)
    # `Augmentation` checks the strengths.
    mixup_alpha: float = Augmentation.mixup_alpha
    freq_masks: int = Augmentation.freq_masks
    freq_width: int = Augmentation.freq_width
    time_masks: int = Augmentation.time_masks
    time_width: int = Augmentation.time_width
    epochs: int = _checked(50, check_whole, least=1)
    steps: int | None = _checked(None, check_whole, least=1)
    validate_steps: int | None = _checked(None, check_whole, least=1)
    patience: int = _checked(5, check_whole)
    monitor: str = _checked("val_loss", check_choice, choices=MONITORS)
    batch_size: int = _checked(16, check_whole, least=1)
    optimizer: str = _checked("adam", check_choice, choices=OPTIMIZERS)
    learning_rate: float = _checked(
        1e-3, check_number, least=0, most=100, above=True, below=True
    )
    schedule: str = _checked("constant", check_choice, choices=SCHEDULES)
    warmup: float = _checked(0.0, check_number, least=0, most=10**6)
    weight_decay: float | None = _checked(
        None, check_number, least=0, most=1, below=True
    )
    ema: float = _checked(0.0, check_number, least=0, most=1, below=True)
    label_smoothing: float = _checked(0.0, check_number, least=0, most=1, below=True)
    balance: str = _checked("none", check_choice, choices=BALANCES)
    seed: int = _checked(0, check_whole)
    weights: str | None = _checked(None, check_text)
    init_from: str | None = _checked(None, check_text)
    batches_per_epoch: int | None = _checked(None, check_whole, least=1)
    limit: int | None = _checked(None, check_whole, least=1)
    precision: str = _checked("float32", check_choice, choices=PRECISIONS)
    jit: bool = _checked(False, check_flag)
    deterministic: bool = _checked(False, check_flag)
    imports: tuple[str, ...] = _checked((), check_modules)
    strategy: str = _checked("none", check_choice, choices=STRATEGIES)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, check = getattr(self, field.name), field.metadata.get("check")
            if check and not (value is None and field.default is None):
                object.__setattr__(self, field.name, check(field.name, value))
        few = self.steps is None and self.warmup >= self.epochs
        if self.schedule == "cosine" and few:
            raise UsageError(
                f"warmup must be shorter than epochs ({self.epochs}) with schedule"
                f" cosine. Got {self.warmup:g}. Use 0 for no warm-up."
            )
        if self.weights is not None and self.init_from is not None:
            raise UsageError(
                "Initial weights come from weights or from init_from. Got both. Leave"
                " out one of them."
            )
        self.augmentation()  # checks the strengths

    def resolve(self, *, model: bool = True) -> None:
        """Check that all names are registered. Call this before training.

        Parameters
        ----------
        model : bool
            False if the model exists already: it is loaded without its builder.

        Raises
        ------
        UsageError
            If the model or an augmentation is unknown; the nearest name is offered.
        InputError
            The same, if the recipe names modules that are not imported.
        """
        try:
            if model:
                describe(self.model)
            self.augmentation().transforms()
        except UsageError as error:
            if missing := missing_modules(self.imports):
                raise InputError(f"{error} {missing}") from error
            raise

    @property
    def fitted_at_once(self) -> bool:
        """Whether its model is fitted at once, without epochs: the linear one."""
        return self.model in MODELS and describe(self.model).fit_last_layer is not None

    @property
    def unused(self) -> dict[str, str]:
        """Fields without effect, each with the reason in place of its source."""
        if not self.fitted_at_once:
            return {}
        reason = f"not used by {self.model}"
        names = (field.name for field in dataclasses.fields(self))
        return {name: reason for name in names if name not in _USED_AT_ONCE}

    def effective(self) -> Recipe:
        """Return the recipe with neutral values in its `unused` fields."""
        neutral = {name: getattr(Recipe, name) for name in self.unused}
        if neutral:
            neutral |= {
                "augment": "none",
                "epochs": 1,
                "patience": 0,
                "monitor": "loss",
            }
        return dataclasses.replace(self, **neutral)

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
        return cls(**check_fields("recipe", values, cls))
