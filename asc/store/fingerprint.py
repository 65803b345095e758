"""What a store was made from, as values that can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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
    # Their splits are not those of earlier versions.
    unknown = corpus.without_recording
    partly = 0 < unknown < len(corpus.clips)
    folds = {
        name: (fold.train, fold.test, *([fold.validation] if fold.validation else []))
        for name, fold in corpus.folds.items()
    }
    return {
        "spec": spec.to_dict(),
        "corpus": {
            "clips": len(corpus.clips),
            "listing": listing_digest(listing),
            "folds": _digest(folds),
        }
        | ({"without_recording": unknown} if partly else {})
        | ({"groups": group_digests(corpus.groups)} if corpus.groups else {}),
        "splits": {"seed": SPLIT_SEED, "shares": list(SHARES)},
        "libraries": dsp_versions(),
        "front_end": FRONT_END_REVISION,
    }


def listing_digest(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return the SHA-256 of (path, scene, recording) of all clips in order."""
    return _digest(list(rows))


def group_digests(groups: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the SHA-256 of the value of all clips in order, for each group."""
    return {name: _digest(list(values)) for name, values in groups.items()}


def fingerprint(provenance: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a provenance as 64 hexadecimal digits."""
    return _digest(provenance)


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
