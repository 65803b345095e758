"""What synthetic scenes are made of: spectra, characters and sound sources.

The 15 scenes are those of TUT Acoustic Scenes 2017. Each is one line in three
tables, so that neighbours can be compared by eye. Scenes on adjacent lines are
meant to be confused (home and library, train and tram); the last ones stand apart.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import NamedTuple

from numpy.random import Generator, Philox


class Source(NamedTuple):
    """Something heard now and then: its kind, pitch range, length and loudness."""

    kind: str  # tone or sweep (harmonics), click or burst (noise)
    low: float  # Hz
    high: float  # Hz
    seconds: float
    level: float  # dB above the background in the octave around its pitch


class Scene(NamedTuple):
    """What the recordings of a scene have in common."""

    spectrum: tuple[float, ...]  # dB at ANCHORS, on top of a common falling slope
    level: float  # RMS in dB relative to full scale
    swing: float  # standard deviation of the slow level changes, in dB
    width: float  # share of the power that differs between the ears, 0 to 0.5
    room: float  # reverberation time in seconds
    near: tuple[str, str]  # scenes that its recordings lean towards, nearest first
    rates: dict[str, float]  # events per second of each source


SOURCES: dict[str, Source] = {
    "voices": Source("tone", 120, 280, 0.6, 11),
    "music": Source("tone", 250, 700, 1.2, 9),
    "beeps": Source("tone", 900, 2_200, 0.15, 13),
    "squeal": Source("tone", 1_800, 4_500, 0.8, 11),
    "birds": Source("sweep", 2_500, 6_500, 0.25, 13),
    "gulls": Source("sweep", 1_200, 2_500, 0.5, 11),
    "footsteps": Source("click", 150, 900, 0.08, 13),
    "doors": Source("click", 80, 400, 0.25, 13),
    "rails": Source("click", 200, 1_200, 0.12, 11),
    "keys": Source("click", 1_500, 5_000, 0.03, 15),
    "cutlery": Source("click", 3_000, 9_000, 0.06, 15),
    "waves": Source("burst", 500, 5_000, 2.5, 5),
    "wind": Source("burst", 40, 300, 2.0, 6),
    "engine": Source("burst", 80, 600, 3.0, 6),
    "rustle": Source("burst", 2_000, 9_000, 0.3, 7),
}

#: Frequencies of ``Scene.spectrum`` in Hz.
ANCHORS = (25.0, 63.0, 160.0, 400.0, 1_000.0, 2_500.0, 6_300.0, 16_000.0)

_SPECTRA: dict[str, tuple[float, ...]] = {
    "home": (-12, -6, 0, -2, -6, -6, -2, 6),
    "library": (-8, -2, 2, -4, -8, -8, -2, 10),
    "park": (-4, -2, -4, -6, 2, 6, 4, 2),
    "residential_area": (0, 4, 2, -4, 0, 2, 0, 0),
    "train": (14, 10, 4, 6, 0, -6, -4, -8),
    "tram": (12, 10, 10, 8, 2, -2, 2, -4),
    "cafe/restaurant": (-16, -12, -2, 10, 14, 10, 6, 0),
    "grocery_store": (-8, -4, 0, 6, 8, 10, 12, 6),
    "bus": (18, 16, 8, 0, -4, -8, -12, -12),
    "car": (24, 18, 4, -8, -16, -20, -20, -16),
    "beach": (-4, 0, -4, -4, 4, 12, 14, 10),
    "forest_path": (-6, -6, -10, -12, -4, 6, 12, 12),
    "city_center": (2, 8, 10, 6, 6, 4, 0, -4),
    "metro_station": (4, 4, 6, 8, 8, 2, -4, -8),
    "office": (-4, 4, 6, -8, -12, -12, -4, 8),
}

# Columns: level, swing, width, room, near.
_CHARACTERS: dict[str, tuple[float, float, float, float, tuple[str, str]]] = {
    "home": (-40, 0.4, 0.15, 0.4, ("library", "office")),
    "library": (-40, 0.3, 0.17, 0.7, ("home", "office")),
    "park": (-36, 0.7, 0.28, 0.1, ("residential_area", "forest_path")),
    "residential_area": (-35, 0.8, 0.25, 0.2, ("park", "city_center")),
    "train": (-30, 0.6, 0.15, 0.25, ("tram", "bus")),
    "tram": (-30, 0.8, 0.15, 0.25, ("train", "bus")),
    "cafe/restaurant": (-32, 0.5, 0.25, 0.6, ("grocery_store", "city_center")),
    "grocery_store": (-34, 0.4, 0.25, 0.7, ("cafe/restaurant", "metro_station")),
    "bus": (-28, 0.9, 0.1, 0.2, ("car", "tram")),
    "car": (-27, 0.7, 0.07, 0.1, ("bus", "train")),
    "beach": (-32, 1.5, 0.3, 0.1, ("forest_path", "park")),
    "forest_path": (-38, 0.7, 0.3, 0.15, ("park", "beach")),
    "city_center": (-31, 0.9, 0.2, 0.3, ("residential_area", "cafe/restaurant")),
    "metro_station": (-31, 0.9, 0.25, 1.2, ("city_center", "train")),
    "office": (-40, 0.2, 0.12, 0.3, ("library", "home")),
}

_RATES: dict[str, dict[str, float]] = {
    "home": {"cutlery": 0.2, "doors": 0.2, "voices": 0.2, "rustle": 0.3},
    "library": {"keys": 0.4, "rustle": 0.4, "footsteps": 0.4, "voices": 0.1},
    "park": {"birds": 0.9, "footsteps": 0.5, "voices": 0.3, "wind": 0.2},
    "residential_area": {"birds": 0.5, "engine": 0.3, "footsteps": 0.3, "wind": 0.2},
    "train": {"rails": 1.3, "voices": 0.3, "music": 0.1, "squeal": 0.1},
    "tram": {"rails": 0.8, "squeal": 0.3, "beeps": 0.2, "voices": 0.3, "doors": 0.1},
    "cafe/restaurant": {"voices": 2.5, "cutlery": 1.0, "music": 0.3, "doors": 0.1},
    "grocery_store": {"beeps": 0.7, "voices": 0.9, "rustle": 0.5, "music": 0.3},
    "bus": {"engine": 0.3, "rails": 0.4, "voices": 0.3, "beeps": 0.1, "doors": 0.1},
    "car": {"engine": 0.2, "rails": 0.2, "wind": 0.3},
    "beach": {"waves": 0.3, "gulls": 0.2, "wind": 0.2, "voices": 0.1},
    "forest_path": {"footsteps": 1.5, "birds": 0.8, "rustle": 0.6, "wind": 0.1},
    "city_center": {"engine": 0.5, "voices": 0.9, "footsteps": 1.2},
    "metro_station": {"squeal": 0.2, "music": 0.2, "footsteps": 0.9, "voices": 0.6},
    "office": {"keys": 2.0, "rustle": 0.2, "voices": 0.2, "doors": 0.1},
}

#: Scenes in the order in which a smaller corpus takes them: likely confusions
#: come first, so that few scenes are as hard for a model as all of them.
SCENES = tuple(_SPECTRA)


def generator(*identity: object) -> Generator:
    """Return the random generator that belongs to some names and numbers."""
    digest = sha256(json.dumps(identity).encode()).digest()
    return Generator(Philox(key=int.from_bytes(digest[:16], "little")))


def scene(name: str) -> Scene:
    """Return a scene by name; an unknown name gets a scene drawn from its letters."""
    if name in _SPECTRA:
        return Scene(_SPECTRA[name], *_CHARACTERS[name], _RATES[name])
    rng = generator("scene", name)
    near = rng.choice(SCENES, 2, replace=False)
    sources = rng.choice(sorted(SOURCES), 4, replace=False)
    return Scene(
        spectrum=tuple(rng.normal(0, 8, len(ANCHORS)).tolist()),
        level=rng.uniform(-40, -28),
        swing=rng.uniform(0.2, 1.2),
        width=rng.uniform(0.05, 0.3),
        room=rng.uniform(0.1, 0.8),
        near=(str(near[0]), str(near[1])),
        rates={str(source): rng.uniform(0.1, 1.2) for source in sources},
    )


def lean(this: Scene, other: Scene, share: float) -> Scene:
    """Return `this` scene with a `share` (0 to 1) of the `other` mixed in."""

    def mix(mine: float, theirs: float) -> float:
        return (1 - share) * mine + share * theirs

    return Scene(
        spectrum=tuple(map(mix, this.spectrum, other.spectrum)),
        level=mix(this.level, other.level),
        swing=mix(this.swing, other.swing),
        width=mix(this.width, other.width),
        room=mix(this.room, other.room),
        near=this.near,
        rates={
            name: mix(this.rates.get(name, 0.0), other.rates.get(name, 0.0))
            for name in sorted({*this.rates, *other.rates})
        },
    )
