"""What a store was made from, as values that can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from asc.corpus import Corpus
from asc.corpus.splits import SHARES, SPLIT_SEED
from asc.environment import dsp_versions
from asc.features import FeatureSpec

#: Raise by one whenever asc's own arithmetic changes a stored number.
FRONT_END_REVISION = 1


def canonical_json(value: Any) -> str:
    """Return JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def provenance(spec: FeatureSpec, corpus: Corpus) -> dict[str, Any]:
    """Return everything that decides the bytes of a store.

    That is the spec, the corpus as listed by its metadata (not its folder: a
    corpus may move), the splits, and the versions of the libraries that decode
    and transform audio. What does not change a number, such as the number of
    workers, stays out.
    """
    listing = ((clip.path, clip.scene, clip.recording) for clip in corpus.clips)
    folds = {name: (fold.train, fold.test) for name, fold in corpus.folds.items()}
    return {
        "spec": spec.to_dict(),
        "corpus": {
            "clips": len(corpus.clips),
            "listing": listing_digest(listing),
            "folds": _digest(folds),
        },
        "splits": {"seed": SPLIT_SEED, "shares": list(SHARES)},
        "libraries": dsp_versions(),
        "front_end": FRONT_END_REVISION,
    }


def listing_digest(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return the SHA-256 of (path, scene, recording) of all clips in order."""
    return _digest(list(rows))


def fingerprint(provenance: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a provenance as 64 hexadecimal digits."""
    return _digest(provenance)


def difference(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Return (field, old, new) for every field that differs.

    Nested fields are joined with dots; a field that one side lacks is None
    there.
    """
    before, after = dict(_flat(old)), dict(_flat(new))
    return [
        (name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def describe_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the differences as indented lines ``field  old -> new``."""

    def brief(value: Any) -> str:
        text = canonical_json(value)
        return text if len(text) <= 24 else text[:20] + "..."

    rows = difference(old, new)
    width = max((len(name) for name, _, _ in rows), default=0)
    return "\n".join(
        f"    {name:<{width}}  {brief(before)} -> {brief(after)}"
        for name, before, after in rows
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{prefix}{name}.")
        else:
            yield prefix + name, item
