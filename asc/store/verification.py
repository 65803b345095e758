"""Verifying that a store holds what was written into it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from asc.corpus.leakage import PARTS
from asc.environment import dsp_versions
from asc.errors import InputError, StoreError
from asc.features import FrontEnd, read_clip
from asc.store import schema
from asc.store.fingerprint import fingerprint, group_digests, listing_digest
from asc.store.header_digest import HEADER_DIGEST, header_digest
from asc.store.reader import FeatureStore, open_store
from asc.store.writer import NO_DIGEST, digest_of
from asc.validation import check_path


def verify(
    store: FeatureStore | str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
    *,
    features: Sequence[str] | None = None,
    audio: str | os.PathLike[str] | None = None,
    sample: int = 20,
) -> list[str]:
    """Check everything that a store holds: header, clips, splits, every row.

    Its structure was checked when it was opened. See `notes` for what cannot be
    checked.

    Parameters
    ----------
    store : FeatureStore or path
    progress : callable(done, total), optional
    features : sequence of str, optional
        Whose rows to check; those of all features if not given.
    audio : path, optional
        Folder of the corpus. If given, random rows are recomputed from it.
    sample : int
        Number of rows to recompute.

    Returns
    -------
    list of str
        One sentence for each thing that is wrong; empty if nothing is.

    Examples
    --------
    >>> asc.verify("store.h5")
    []
    """
    store = open_store(store)
    show = progress or (lambda done, total: None)
    problems = list(_problems(store, features or store.spec.features, show))
    if audio is not None:
        problems += _audio_problems(store, check_path("audio", audio), sample)
    return problems


def check_unchanged(store: FeatureStore, features: Sequence[str] | None = None) -> None:
    """Check that the file of a store holds what it did when it was opened.

    This costs nothing while nobody has touched the file. Else what it holds is
    verified, once for every time that it was touched.

    Parameters
    ----------
    store : FeatureStore
    features : sequence of str, optional
        As of `verify`.

    Raises
    ------
    StoreError
        If it holds something else.
    InputError
        If it is gone or cannot be read.
    """
    if store.is_current():
        return
    opened = FeatureStore(store.path)
    store.features(store.spec.features[0])  # compares the headers
    problems = verify(opened, features=features)
    if problems:
        raise StoreError(
            f"{store.path} was changed while it was in use. {problems[0]} Copy or"
            " extract it again."
        )
    store.mark_current(opened)


def _problems(
    store: FeatureStore, features: Sequence[str], progress: Callable
) -> Iterator[str]:
    if not store.complete:
        yield "The store is not complete."
    done = store.finished_rows()
    paths = store.paths()
    if len(set(paths)) < len(paths):
        yield "Clips are listed more than once."
    yield from _row_problems(store, features, done, paths, progress)
    if store.complete and store.compute_digest() != store.digest:
        yield "The digest of the store is not that of its rows."
    yield from _split_problems(store)
    yield from _file_problems(store)
    yield from _provenance_problems(store)


def notes(store: FeatureStore) -> list[str]:
    """Return what `verify` cannot find in a store of an earlier version."""
    with schema.open_file(store.path) as file:
        if HEADER_DIGEST in file.attrs:
            return []
    return [
        "The store has no digest of its header, as an earlier version made it. Names"
        " of scenes and splits, and other attributes, cannot be verified; the rows can."
    ]


def _row_problems(
    store: FeatureStore,
    features: Sequence[str],
    rows: np.ndarray,
    paths: list[str],
    progress: Callable,
) -> Iterator[str]:
    total = len(rows) * len(features)
    checked = 0
    for feature in features:
        digests = store.digests(feature)
        for block, data in store.row_reader(feature).blocks(rows):
            for row, stored in zip(block, data, strict=True):
                place = f"Clip {paths[row]} (row {row}), {feature}"
                if digest_of(stored) != bytes(digests[row]):
                    yield f"{place}: the data was changed."
                if store.spec.dtype == "uint8" and not stored.all():
                    yield f"{place}: data is missing."
                checked += 1
                progress(checked, total)


def _split_problems(store: FeatureStore) -> Iterator[str]:
    origins = store.origins()
    for name in store.splits:
        try:
            split = store.split(name)
        except StoreError as error:
            yield str(error)
            continue
        rows = np.concatenate([split.part(part) for part in PARTS])
        if len(np.unique(rows)) < len(rows):
            yield f"Split {name}: a clip is in two parts, or twice in one."
            continue
        found = origins.split(name, split.train, split.validation, split.test)
        for fact in ("leakage", "leakage_at_least"):
            own, stored = getattr(found, fact), getattr(split, fact)
            if own != stored:
                yield (
                    f"Split {name}: {fact} is {_share(own)}, the store says"
                    f" {_share(stored)}."
                )
        # Stores of earlier versions lack it.
        if None not in (split.adjacent, found.adjacent) and (
            found.adjacent != split.adjacent
        ):
            yield (
                f"Split {name}: the share of adjacent clips is"
                f" {_share(found.adjacent)}, the store says {_share(split.adjacent)}."
            )


def _file_problems(store: FeatureStore) -> Iterator[str]:
    """Compare header, clips, splits and failures with their digests, if they have any.

    Stores of earlier versions have none; incomplete ones have some.
    """
    arrays = store.arrays()
    with schema.open_file(store.path) as file:
        try:
            written = _digest_in(file.attrs, HEADER_DIGEST)
            if written not in (None, header_digest(file, arrays)):
                yield (
                    "The header was changed: scenes, splits, recordings, spec or other"
                    " attributes are not those of its digest."
                )
        except Exception as error:  # noqa: BLE001 - whatever HDF5 makes of damage
            yield f"The header cannot be verified: {error}"
        for name, array in arrays.items():
            if name.startswith("features/"):
                continue  # each row has a digest of its own
            try:
                written = _digest_in(file[name].attrs, "digest")
            except Exception as error:  # noqa: BLE001 - whatever HDF5 makes of damage
                yield f"The digest of /{name} cannot be read: {error}"
                continue
            if written not in (None, _digest_of_all(store, array)):
                yield f"/{name} was changed: its bytes are not those of its digest."


def _digest_of_all(store: FeatureStore, array: schema.Array) -> str:
    """Return the SHA-256 of an array, without having all of it in memory."""
    digest = hashlib.sha256()
    for _, data in store.reader_of(array).blocks(np.arange(array.shape[0])):
        digest.update(data.data)
    return digest.hexdigest()


def _digest_in(attributes: h5py.AttributeManager, name: str) -> str | None:
    """Return the digest in an attribute, None if there is none yet or at all."""
    found = schema.read_text(attributes, name) if name in attributes else NO_DIGEST
    return None if found == NO_DIGEST else found


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.4f}"


def _provenance_problems(store: FeatureStore) -> Iterator[str]:
    """Compare what is stored twice: spec, fingerprint and the list of clips."""
    if fingerprint(store.provenance) != store.fingerprint:
        yield "The fingerprint is not that of the provenance."
    if store.provenance.get("spec") != store.spec.to_dict():
        yield "The spec is not that of the provenance."
    origins = store.origins()
    found, count = len({*origins.recordings[origins.named]}), store.recording_count or 0
    if found != count:
        yield f"The clips have {found:,} recordings, the store says {count:,}."
    try:
        groups = {name: store.group(name).tolist() for name in store.groups}
        scenes = [store.scenes[label] for label in store.labels()]
    except StoreError as error:
        yield str(error)
        return
    corpus = store.provenance.get("corpus")
    stated = corpus.get("groups") if isinstance(corpus, dict) else None
    stated = stated if isinstance(stated, dict) else {}
    if stated.keys() != groups.keys():
        yield "The groups are not those of the provenance."
    # If clips were left out, the rows are not the full list of clips.
    if isinstance(corpus, dict) and corpus.get("clips") == len(store):
        rows = zip(store.paths(), scenes, store.recordings(), strict=True)
        if listing_digest(rows) != corpus.get("listing"):
            yield "Paths, scenes or recordings are not those of the provenance."
        for name, digest in group_digests(groups).items():
            if digest != stated.get(name):
                yield f"Group {name} is not that of the provenance."


def _audio_problems(store: FeatureStore, root: Path, sample: int) -> Iterator[str]:
    """Recompute random rows, which must give the same codes.

    With other versions of the libraries, rounding may change a cell by one code step.
    """
    frontend = FrontEnd(store.spec)
    same_libraries = store.provenance.get("libraries") == dsp_versions()
    done = store.finished_rows()
    paths = store.paths()
    for row in np.sort(np.random.default_rng().permutation(done)[:sample]):
        try:
            audio = read_clip(root / paths[row], store.spec, accept_truncated=True)
        except InputError as error:
            yield f"Clip {paths[row]} (row {row}) cannot be recomputed: {error}"
            continue
        for feature, recomputed in frontend(audio.y).items():
            stored = store.features(feature)[row]
            if np.array_equal(recomputed, stored):
                continue
            encoding = store.encoding(feature)
            off = np.abs(encoding.decode(recomputed) - encoding.decode(stored)).max()
            if same_libraries or off > encoding.step:
                yield (
                    f"Clip {paths[row]} (row {row}), {feature}: the recomputed"
                    f" row differs by up to {off:.2f} {encoding.unit}."
                )
