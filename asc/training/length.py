"""How long a training is: epochs, batches, and when it is validated."""

from __future__ import annotations

from dataclasses import dataclass

from asc.errors import UsageError
from asc.training.recipe import Recipe


@dataclass(frozen=True)
class Length:
    """The length of a training, which follows from its recipe and its clips.

    Attributes
    ----------
    batches : int
        Steps of an epoch.
    epochs : int
    every : int
        Epochs between two validations. The last epoch is always validated.
    """

    batches: int
    epochs: int
    every: int = 1

    @classmethod
    def of(cls, recipe: Recipe, clips: int) -> Length:
        """Return the length of a training on so many clips.

        ``steps`` are rounded up to whole epochs, ``validate_steps`` to the nearest.

        Raises
        ------
        UsageError
            If the warm-up does not end before the training.
        """
        rows = recipe.augmentation().rows_per_epoch(clips)
        batches = -(-rows // recipe.batch_size)
        if recipe.batches_per_epoch is not None:
            batches = min(batches, recipe.batches_per_epoch)
        epochs, every = recipe.epochs, 1
        if recipe.steps is not None:
            epochs = -(-recipe.steps // batches)
        if recipe.validate_steps is not None:
            every = min(epochs, max(1, round(recipe.validate_steps / batches)))
        if recipe.schedule == "cosine" and recipe.warmup >= epochs:
            raise UsageError(
                f"warmup must be shorter than epochs ({epochs}) with schedule cosine."
                f" Got {recipe.warmup:g}. Use 0 for no warm-up."
            )
        return cls(batches, epochs, every)

    def is_validated(self, epoch: int) -> bool:
        """Return True for epochs (from 1) that are validated, recorded and saved."""
        return epoch % self.every == 0 or epoch == self.epochs

    @property
    def validated(self) -> list[int]:
        """These epochs."""
        return [n for n in range(1, self.epochs + 1) if self.is_validated(n)]
