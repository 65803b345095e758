"""Audio below a folder: what is found, and a word for everything that is not."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc.corpus.audio_files import (
    AUDIO_ENDINGS,
    CONVERTIBLE_ENDINGS,
    conversion_advice,
    find_audio,
)

#: Format of libsndfile -> its endings in the list.
FORMATS = {
    "WAV": (".wav", ".wave", ".bwf"),
    "RF64": (".rf64",),
    "W64": (".w64",),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3", ".mp2", ".mp1", ".mpga"),
    "AIFF": (".aif", ".aiff", ".aifc"),
    "AU": (".au", ".snd"),
    "CAF": (".caf",),
    "NIST": (".sph", ".nist"),
    "VOC": (".voc",),
    "AVR": (".avr",),
    "PAF": (".paf",),
    "PVF": (".pvf",),
    "IRCAM": (".ircam",),
    "SVX": (".svx",),
}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize("format", FORMATS)
def test_libsndfile_reads_what_has_an_ending_here(format):
    """Its content alone tells the format: audio is decoded from memory."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(4000), 8000, format=format)
    file.seek(0)
    samples, rate = soundfile.read(file)
    assert (len(samples), rate) == (4000, 8000)


def test_every_ending_is_of_a_format_that_is_read():
    assert set(AUDIO_ENDINGS) == {e for endings in FORMATS.values() for e in endings}
    assert not CONVERTIBLE_ENDINGS & set(AUDIO_ENDINGS)


def test_audio_is_found_in_order_whatever_the_case_of_its_ending(tmp_path):
    touch(*(tmp_path / name for name in ("b/x.OPUS", "b.wav", "b/a/y.Caf", "a.aifc")))
    assert find_audio(tmp_path).paths == ("a.aifc", "b/a/y.Caf", "b/x.OPUS", "b.wav")


def test_what_is_skipped_is_counted_and_named(tmp_path):
    touch(
        tmp_path / "a" / "1.wav",
        tmp_path / "a" / "my song.m4a",
        tmp_path / "b" / "2.M4A",
        tmp_path / "b" / "3.webm",
        tmp_path / "b" / "notes.txt",
        tmp_path / "b" / "Makefile",
        tmp_path / "b" / ".DS_Store",
        tmp_path / "b" / "._1.wav",
        tmp_path / ".ipynb_checkpoints" / "1-checkpoint.wav",
    )
    found = find_audio(tmp_path)
    assert found.paths == ("a/1.wav",)
    assert found.skipped == {".m4a": 2, ".webm": 1, ".txt": 1, "": 1}
    assert found.hidden == (".ipynb_checkpoints", "b/._1.wav")
    assert found.notes() == [
        "3 files were left out, in formats that are not read: 2 .m4a, 1 .webm."
        " Convert it: ffmpeg -i 'a/my song.m4a' 'a/my song.wav'",
        "2 other files were left out: 1 without ending, 1 .txt.",
        "2 hidden names were left out: .ipynb_checkpoints, b/._1.wav.",
    ]


def test_many_endings_are_counted_beyond_the_first(tmp_path):
    touch(*(tmp_path / f"x.{name}" for name in "abcdefg"))
    assert find_audio(tmp_path).notes()[0].endswith(", 2 more.")


def test_a_folder_of_audio_alone_has_nothing_to_tell(tmp_path):
    touch(tmp_path / "a" / "1.wav")
    assert find_audio(tmp_path).notes() == []


def test_what_only_opening_shows_is_found(tmp_path):
    """A dangling link and a pipe are told by whoever opens them."""
    (tmp_path / "gone.wav").symlink_to("../annex/gone.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert find_audio(tmp_path).paths == ("gone.wav", "loop.wav", "pipe.wav")


def test_folders_that_are_not_searched_are_problems(tmp_path, monkeypatch):
    touch(tmp_path / "elsewhere" / "x.wav", tmp_path / "here" / "closed" / "y.wav")
    (tmp_path / "here" / "link").symlink_to("../elsewhere")
    real = os.scandir

    def scandir(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_audio(tmp_path / "here")
    assert found.paths == ()
    assert list(map(str, found.problems)) == [
        "link: is a link to a folder, which is not followed. Put the folder itself"
        " there.",
        "closed/: cannot be read: permission denied.",
    ]


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("one.m4a", "Convert it: ffmpeg -i one.m4a one.wav"),
        ("a/T w o.WEBM", "Convert it: ffmpeg -i 'a/T w o.WEBM' 'a/T w o.wav'"),
        ("\x1b[31m.m4a", "Convert it: ffmpeg -i '\\x1b[31m.m4a' '\\x1b[31m.wav'"),
        ("one.wav", ""),
        ("one", ""),
    ],
)
def test_the_line_that_converts_a_file(path, advice):
    assert conversion_advice(path) == advice
