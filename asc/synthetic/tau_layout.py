"""The files of a synthetic corpus in the layout of TAU Urban Acoustic Scenes."""

from __future__ import annotations

from collections.abc import Iterable

from asc.corpus.base import Clip
from asc.synthetic.scenery import SCENES

#: As TAU names them. The first device is the reference.
DEVICES = ("a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6")
CITIES = (
    *("barcelona", "helsinki", "lisbon", "london", "lyon", "milan", "paris"),
    *("prague", "stockholm", "vienna"),
)
#: Share of the locations of a scene that the fold tests.
_TESTED = 0.3


def grid(
    scenes: int, recordings: int, clips: int, devices: int, cities: int
) -> tuple[list[Clip], dict[str, bytes]]:
    """Return the clips of a regular corpus, and its lists.

    All devices record the same segments. As in TAU, there is one fold, which tests on
    new locations and on a device that it does not train on, if there are several.

    Parameters
    ----------
    scenes, recordings, clips : int >= 1
        Scenes, locations of a scene, segments of a location.
    devices, cities : int >= 1

    Returns
    -------
    rows : list of Clip
        In the order of ``meta.csv``.
    lists : dict of str to bytes
        Content of ``meta.csv`` and of the lists of the fold, by path.
    """
    rows: list[Clip] = []
    train: list[Clip] = []
    test: list[Clip] = []
    used = DEVICES[:devices]
    learned = used[:-1] or used
    tested = max(1, round(_TESTED * recordings))
    for place, scene in enumerate(SCENES[:scenes]):
        for number in range(recordings):
            # Scenes begin with different cities, so that all of them are tested.
            city = CITIES[(number + place) % cities]
            location = f"{city}-{number * len(SCENES) + place}"
            for segment in range(clips):
                for device in used:
                    # The name of a scene has neither - nor / in it.
                    name = f"{scene.replace('/', '_')}-{location}-{segment}-{device}"
                    groups = {"city": city, "device": device}
                    clip = Clip(f"audio/{name}.wav", scene, location, groups)
                    rows.append(clip)
                    if number >= recordings - tested:
                        test.append(clip)
                    elif device in learned:
                        train.append(clip)

    stem = "evaluation_setup/fold1"
    return rows, {
        "meta.csv": _table(
            ("filename", "scene_label", "identifier", "source_label"),
            ((c.path, c.scene, c.recording, c.groups["device"]) for c in rows),
        ),
        f"{stem}_train.csv": _table(
            ("filename", "scene_label"), ((c.path, c.scene) for c in train)
        ),
        f"{stem}_evaluate.csv": _table(
            ("filename", "scene_label"), ((c.path, c.scene) for c in test)
        ),
        f"{stem}_test.csv": _table(("filename",), ((c.path,) for c in test)),
    }


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in (header, *rows)).encode()
