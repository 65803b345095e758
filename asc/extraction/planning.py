"""What an extraction will do, decided from the headers of the audio."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from asc.audio import AudioFile
from asc.corpus import Corpus, open_corpus
from asc.corpus.headers import Header, read_headers
from asc.corpus.leakage import Split
from asc.corpus.splits import make_splits, split_notes
from asc.disk import check_writable
from asc.display import Displayed
from asc.errors import InputError, UsageError
from asc.features import FeatureSpec, completed
from asc.kinds import Kind, kind_of
from asc.store import bytes_needed
from asc.text import counted, megabytes, printable, some_of
from asc.validation import check_path

#: Clips that are decoded to know their length, where no header tells it.
_DECODED = 25


@dataclass(frozen=True, repr=False)
class ExtractionPlan(Displayed):
    """What an extraction will do.

    ``notes`` are sentences for the user, such as on clips that will be resampled,
    repeated or cut. With ``accept_truncated``, what is there of files that may be
    truncated is read.
    """

    corpus: Corpus
    store: Path
    spec: FeatureSpec
    notes: tuple[str, ...]
    splits: Mapping[str, Split]
    accept_truncated: bool = False

    def __repr__(self) -> str:
        return (
            f"ExtractionPlan({str(self.store)!r}:"
            f" {counted(len(self.corpus.clips), 'clip', 'clips')},"
            f" {', '.join(self.spec.features)}, {megabytes(self.bytes)})"
        )

    def _facts(self) -> Mapping[str, Any]:
        return {
            "corpus": self.corpus.root,
            "store": self.store,
            "clips": f"{len(self.corpus.clips):,}",
            "size": megabytes(self.bytes),
            "splits": some_of(sorted(self.splits), 20),
            **self.spec.to_dict(),
            "notes": " ".join(self.notes) or "none",
        }

    @property
    def bytes(self) -> int:
        """Approximate size of the complete store."""
        return bytes_needed(self.spec, len(self.corpus.clips))


def plan(
    corpus: Corpus | str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    accept_truncated: bool = False,
    **settings: Any,
) -> ExtractionPlan:
    """Decide the spec from the headers of the audio.

    Parameters
    ----------
    corpus : Corpus or path
    store : path
        The store that will be written.
    accept_truncated : bool
        Read what is there of files that may be truncated, and record a note on each.
    **settings
        Fields of `FeatureSpec`; None means to choose for the audio.

    Returns
    -------
    ExtractionPlan

    Raises
    ------
    InputError
        If no clip can be read.
    UsageError
        If a setting is out of range, or another kind of file or folder is where the
        store shall be.

    Examples
    --------
    >>> plan = asc.plan("corpus", "store.h5", rows=16, columns=16)
    >>> plan.spec.sample_rate, plan.spec.seconds, plan.spec.shape
    (44100, 1.0, (16, 16, 1))
    """
    store = check_path("store", store)
    check_target(store)
    if not isinstance(corpus, Corpus):
        corpus = open_corpus(corpus)
    found = read_headers(corpus, accept_truncated=accept_truncated)
    # Files that cannot be read become failures of the extraction.
    headers = [item for item in found if isinstance(item, Header)]
    if not headers:
        raise InputError(
            f"None of the {len(corpus.clips):,} clips in {corpus.root} can be read as"
            f" audio. The first is {corpus.clips[0].path}. Check that the audio is"
            " there."
        )
    rates = Counter(header.sample_rate for header in headers)
    rate = settings.pop("sample_rate", None) or max(
        rates, key=lambda rate: (rates[rate], rate)
    )
    lengths = [header.seconds for header in headers if header.seconds is not None]
    seconds = settings.pop("seconds", None)
    if seconds is None:
        middle = median(lengths or _decoded_lengths(corpus, accept_truncated))
        seconds = round(middle, 1 if middle >= 1 else 3)
    spec = completed(FeatureSpec.for_audio(rate, seconds, **settings))

    notes = list(corpus.notes)
    for other, count in sorted(rates.items()):
        if other != rate:
            clips = counted(count, "clip has", "clips have")
            notes.append(f"{clips} {other} Hz and will be resampled to {rate} Hz.")
    short = sum(length < seconds - 0.5 / rate for length in lengths)
    if short:
        clips = counted(short, "clip is", "clips are")
        notes.append(f"{clips} shorter than {seconds:g} s and will be repeated.")
    long = sum(length > seconds + 0.05 for length in lengths)
    if long:
        clips = counted(long, "clip is", "clips are")
        notes.append(f"{clips} longer than {seconds:g} s and will be cut.")
    notes += _scene_notes(corpus)
    splits = make_splits(corpus)
    notes += split_notes(corpus, splits)
    return ExtractionPlan(corpus, store, spec, tuple(notes), splits, accept_truncated)


def _decoded_lengths(corpus: Corpus, accept_truncated: bool) -> list[float]:
    """Return the lengths of some clips, where no header tells one (in seconds)."""
    clips = corpus.clips[:: -(-len(corpus.clips) // _DECODED)]
    lengths = []
    for clip in clips:
        try:
            path = corpus.root / clip.file
            with AudioFile(path, accept_truncated=accept_truncated) as file:
                lengths.append(file.finish() / file.sample_rate)
        except InputError:
            pass  # it becomes a failure of the extraction
    if not lengths:
        raise InputError(
            f"The length of the clips in {corpus.root} is not known. None of the"
            f" {len(clips):,} that were tried can be decoded. Give it with --seconds."
        )
    return lengths


def check_target(store: Path) -> None:
    """Raise an error if a store cannot be made at a path. Nothing is made."""
    name, kind = printable(str(store)), kind_of(store)
    if store.is_dir():
        raise UsageError(f"{name} is a folder. STORE must be the name of a file.")
    if kind not in (Kind.STORE, Kind.HDF5, Kind.MISSING):
        raise UsageError(
            f"{name} exists and is not a store, so it is not overwritten. Choose"
            " another name."
        )
    check_writable(store)


def _scene_notes(corpus: Corpus) -> Iterator[str]:
    counts = Counter(clip.scene for clip in corpus.clips)
    lonely = sorted(scene for scene, count in counts.items() if count == 1)
    if len(counts) == 1:
        scene = next(iter(counts))
        yield f"All clips are of one scene ({scene}), so nothing can be classified."
    elif lonely:
        scenes = counted(len(lonely), "scene has", "scenes have")
        yield (
            f"{scenes} a single clip, which goes to train"
            f" ({some_of(lonely)}): validation and test lack it."
        )
