"""What the folders that audio lies in mean: scenes, parts of a split, and folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asc.corpus.parts import fold_of, parts_of
from asc.text import counted, some_of

Folder = Sequence[str]

#: Names of folders that hold the audio of all scenes.
_AUDIO_FOLDERS = frozenset("audio audios clips data sound sounds wav wavs".split())
_AUDIO, _PART, _FOLD, _SCENE = "audio", "part", "fold", "scene"


@dataclass(frozen=True)
class Place:
    """What the folder of a clip tells: its label, and part and fold if there are."""

    scene: str
    part: str | None = None
    fold: int | None = None


class Layout:
    """The roles of the levels of folders, found from all folders together.

    Parameters
    ----------
    folders : sequence of sequences of str
        The folder of each audio file, as names from the corpus folder down.
    """

    def __init__(self, folders: Sequence[Folder]) -> None:
        self._folders = folders
        self._roles: list[str] = []
        while role := _next_role(folders, self._roles):
            self._roles.append(role)
        self._parts = parts_of(self._names(_PART))

    def _name(self, folder: Folder, role: str) -> str | None:
        """Return the name in a folder that has a role, if there is one."""
        level = self._roles.index(role) if role in self._roles else len(folder)
        return folder[level] if level < len(folder) else None

    def _names(self, role: str) -> set[str]:
        names = (self._name(folder, role) for folder in self._folders)
        return {name for name in names if name is not None}

    def place(self, folder: Folder) -> Place | str:
        """Return what a folder tells of the clips in it, or why they are left out."""
        scene = self._name(folder, _SCENE)
        part, fold = self._name(folder, _PART), self._name(folder, _FOLD)
        if scene is None:
            where = "/".join(folder) or "the corpus folder"
            return f"directly in {where}, not in a folder of a scene"
        place = Place(
            scene,
            self._parts.get(part or ""),
            None if fold is None else fold_of(fold),
        )
        if (part and place.part is None) or (fold and place.fold is None):
            return f"{part or fold} is neither a part of the given split nor a fold"
        return place

    def notes(self) -> list[str]:
        """Return sentences on folders that are not used as a reader may expect."""
        notes, names = [], self._names(_SCENE)
        suspects = sorted(
            name
            for name in names
            if (name in parts_of(names) and name.lower() != "train")
            or fold_of(name) is not None
        )
        if suspects:
            notes.append(
                "These folders are named as parts of a split or folds are, but count as"
                f" scenes: {some_of(suspects)}."
            )
        depth = len(self._roles)
        deeper = sorted({"/".join(f) for f in self._folders if len(f) > depth})
        if deeper:
            folders = counted(len(deeper), "folder", "folders")
            notes.append(
                f"The names of {folders} below those of scenes are not used, such as"
                f" {deeper[0]}."
            )
        return notes


def _next_role(folders: Sequence[Folder], roles: list[str]) -> str:
    """Return the role of the level below some that are known; empty at the end."""
    depth = len(roles)
    inside = [folder[depth:] for folder in folders if len(folder) > depth]
    names = {folder[0] for folder in inside}
    below_scene = _SCENE in roles
    if below_scene and len(inside) < len(folders):
        return ""
    # Above the scenes, other folders may lie beside those of a split.
    deeper = {folder[0] for folder in inside if len(folder) > 1}
    if _PART not in roles:
        every = len(parts_of(names)) == len(names)
        found = set(parts_of(names if every else deeper).values())
        # A scene may be called "train": another part must be beside it.
        if "train" in found and len(found) > 1 and (every or not below_scene):
            return _PART
    if _FOLD not in roles:
        every = None not in map(fold_of, names)
        numbers = {fold_of(name) for name in (names if every else deeper)} - {None}
        if len(numbers) > 1 and (every or not below_scene):
            return _FOLD
    if below_scene:
        return ""
    return _AUDIO if len(names) == 1 and names <= _AUDIO_FOLDERS else _SCENE
