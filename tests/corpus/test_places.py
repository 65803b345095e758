"""Paths and links that stay in the corpus folder, those that do not, and spellings."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from corpus_files import touch, write

from asc.corpus import Corpus, open_corpus
from asc.errors import InputError, MissingInputError

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


def paths(corpus: Corpus) -> list[str]:
    return [clip.path for clip in corpus.clips]


def problems(corpus: Corpus) -> list[str]:
    return list(map(str, corpus.problems))


# Absolute paths


@pytest.mark.parametrize("relative_root", [False, True])
def test_absolute_paths_inside_the_corpus(tmp_path, monkeypatch, relative_root):
    root = tmp_path / "corpus"
    (tmp_path / "other").symlink_to("corpus")
    monkeypatch.chdir(tmp_path)
    write(
        root / "t.csv",
        "path,label",
        f"{root}/a/1.wav,x",
        f"{tmp_path}/other/a/2.wav,x",
        f"{root}/a/../3.wav,x",
        f"{tmp_path}/elsewhere/4.wav,x",
        f"{root}-2/5.wav,x",
    )
    corpus = open_corpus("corpus/t.csv" if relative_root else root / "t.csv")
    assert paths(corpus) == ["3.wav", "a/1.wav", "a/2.wav"]
    assert problems(corpus) == [
        f"t.csv line 5: the path {tmp_path}/elsewhere/4.wav leaves the corpus folder.",
        f"t.csv line 6: the path {root}-2/5.wav leaves the corpus folder.",
    ]


def test_an_absolute_path_names_the_same_clip(tmp_path):
    file = write(tmp_path / "t.csv", "path,label", "a.wav,x", f"{tmp_path}/a.wav,x")
    assert problems(open_corpus(file)) == [
        "t.csv line 3: a.wav was listed before (t.csv line 2), with the same label."
    ]


# Spellings


@pytest.mark.parametrize(("disk", "table"), [(NFD, NFC), (NFC, NFD)])
def test_a_table_and_the_disk_may_compose_characters_differently(tmp_path, disk, table):
    """Else files from a Mac are all missing. The bytes on the disk stay as they are."""
    touch(tmp_path, f"{disk}/{disk}.wav", "b.wav")
    file = write(
        tmp_path / "t.csv",
        "path,label,recording,fold",
        f"{table}/{table}.wav,{table},{table},1",
        "b.wav,b,b,2",
    )
    corpus = open_corpus(file)
    assert paths(corpus) == ["b.wav", f"{disk}/{disk}.wav"]
    assert (tmp_path / corpus.clips[1].path).exists()
    assert (corpus.clips[1].scene, corpus.clips[1].recording) == (NFC, NFC)
    assert corpus.folds["fold1"].test == (f"{disk}/{disk}.wav",)


def test_lists_of_folds_may_spell_differently(tmp_path):
    touch(tmp_path, f"audio/{NFD}.wav", "audio/b.wav")
    write(tmp_path / "meta.txt", f"audio/{NFC}.wav\tx", "audio/b.wav\ty")
    write(tmp_path / "evaluation_setup" / "fold1_test.txt", f"audio/{NFC}.wav")
    corpus = open_corpus(tmp_path)
    assert corpus.problems == ()
    assert corpus.folds["fold1"].test == (f"audio/{NFD}.wav",)


def test_labels_that_look_the_same_are_the_same(tmp_path):
    corpus = open_corpus(touch(tmp_path, f"{NFC}/1.wav", f"{NFD}/2.wav"))
    assert corpus.scenes == (NFC,)
    assert len(corpus.clips) == 2
    assert {path.split("/")[0] for path in paths(corpus)} == {NFC, NFD}


def test_labels_that_look_alike_are_told(tmp_path):
    file = write(
        tmp_path / "t.csv",
        "path,label",
        "1.wav,Metro Station",
        "2.wav,metro_station",
        "3.wav,bus",
        "4.wav,bus\u200b",
        "5.wav,tram",
    )
    corpus = open_corpus(file)
    assert len(corpus.scenes) == 5
    assert corpus.notes == (
        "Labels that look alike count as different: 'Metro Station', 'metro_station'.",
        "Labels that look alike count as different: 'bus', 'bus\\u200b'.",
    )


def test_a_name_that_is_not_utf8(tmp_path):
    touch(tmp_path, "a/1.wav")
    Path(os.fsdecode(os.fsencode(tmp_path / "a") + b"/caf\xe9.wav")).touch()
    corpus = open_corpus(tmp_path)
    assert paths(corpus) == ["a/1.wav"]
    assert problems(corpus) == [
        "a/caf\\udce9.wav: the path 'a/caf\\udce9.wav' is not UTF-8. Rename the file,"
        " for example with convmv."
    ]


# Links


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder beside the corpus with what is not for others."""
    write(tmp_path / "elsewhere" / "secret.txt", "token=SECRET")
    return touch(tmp_path / "elsewhere", "mine.wav")


def tut(root: Path) -> Path:
    """Write a corpus of two clips and a fold."""
    write(root / "meta.txt", "audio/a.wav\tbus", "audio/b.wav\ttram")
    write(root / "evaluation_setup" / "fold1_test.txt", "audio/a.wav")
    return touch(root, "audio/a.wav", "audio/b.wav")


def test_links_that_stay_inside_are_followed(tmp_path):
    """As in git-annex and DataLad, where each file is a link."""
    root = tut(tmp_path / "corpus")
    (root / ".git").mkdir()
    for path in ("audio/a.wav", "meta.txt", "evaluation_setup/fold1_test.txt"):
        target = root / ".git" / path.replace("/", "-")
        (root / path).rename(target)
        (root / path).symlink_to(os.path.relpath(target, (root / path).parent))
    (root / "again").symlink_to("audio")
    with (root / "meta.txt").open("a") as file:
        file.write("again/b.wav\ttram\n")
    corpus = open_corpus(root)
    assert paths(corpus) == ["again/b.wav", "audio/a.wav", "audio/b.wav"]
    assert corpus.folds["fold1"].test == ("audio/a.wav",)
    assert corpus.problems == ()


def test_a_corpus_folder_may_be_a_link_itself(tmp_path):
    root = tut(tmp_path / "corpus")
    (tmp_path / "link").symlink_to(root)
    assert paths(open_corpus(tmp_path / "link")) == ["audio/a.wav", "audio/b.wav"]


def test_links_of_audio_that_lead_out_are_refused(tmp_path, elsewhere):
    root = tut(tmp_path / "corpus")
    (root / "audio" / "b.wav").unlink()
    (root / "audio" / "b.wav").symlink_to(elsewhere / "mine.wav")
    (root / "other").symlink_to(elsewhere)
    with (root / "meta.txt").open("a") as file:
        file.write("other/mine.wav\ttram\n")
    corpus = open_corpus(root)
    assert paths(corpus) == ["audio/a.wav"]
    advice = "Put the file itself there, or name a corpus folder that holds both."
    assert problems(corpus)[:2] == [
        "meta.txt line 2: audio/b.wav is a link that leads out of the corpus folder."
        f" {advice}",
        "meta.txt line 3: the folder other leads out of the corpus folder by a link."
        f" {advice}",
    ]


def test_links_in_scene_folders(tmp_path, elsewhere):
    root = touch(tmp_path / "corpus", "bus/1.wav")
    (root / "bus" / "2.wav").symlink_to("1.wav")
    (root / "bus" / "3.wav").symlink_to(elsewhere / "mine.wav")
    corpus = open_corpus(root)
    assert paths(corpus) == ["bus/1.wav", "bus/2.wav"]
    (problem,) = problems(corpus)
    assert problem.startswith("bus/3.wav: bus/3.wav is a link that leads out of")


@pytest.mark.parametrize(
    "name",
    [
        "meta.txt",
        "evaluation_setup/fold1_test.txt",
        "evaluation_setup/fold2_train.txt",
        "evaluation_setup/map.txt",
        "evaluation_setup",
    ],
)
def test_metadata_that_leads_out_is_refused(tmp_path, elsewhere, name):
    """A line of it would reach the screen and the store."""
    root = tut(tmp_path / "corpus")
    write(root / "evaluation_setup" / "fold2_test.txt", "audio/b.wav")
    if name == "evaluation_setup":
        (root / name).rename(elsewhere / name)
        (root / name).symlink_to(elsewhere / name)
    else:
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(elsewhere / "secret.txt")
    with pytest.raises(InputError) as caught:
        open_corpus(root)
    assert "is a link that leads out of" in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["meta.csv", "meta/esc50.csv", "metadata/UrbanSound8K.csv"]
)
def test_tables_that_lead_out_are_refused(tmp_path, elsewhere, name):
    root = touch(tmp_path / "corpus", name)
    (root / name).unlink()
    (root / name).symlink_to(elsewhere / "secret.txt")
    with pytest.raises(InputError, match="is a link that leads out of"):
        open_corpus(root)


def test_a_table_that_the_user_names_may_be_a_link(tmp_path, elsewhere):
    write(elsewhere / "t.csv", "path,label", "a.wav,x")
    (tmp_path / "t.csv").symlink_to(elsewhere / "t.csv")
    assert paths(open_corpus(tmp_path / "t.csv")) == ["a.wav"]


# Pipes and files that are gone


@pytest.mark.parametrize(
    "name", ["meta.txt", "evaluation_setup/fold1_test.txt", "evaluation_setup/map.txt"]
)
def test_a_pipe_in_place_of_metadata(tmp_path, name):
    root = tut(tmp_path)
    (root / name).unlink(missing_ok=True)
    os.mkfifo(root / name)
    with pytest.raises(InputError, match=f"{name} is not a regular file"):
        open_corpus(root)


@pytest.mark.parametrize("name", ["meta.txt", "evaluation_setup/fold1_test.txt"])
def test_metadata_behind_a_dangling_link(tmp_path, name):
    root = tut(tmp_path)
    (root / name).unlink()
    (root / name).symlink_to("gone")
    with pytest.raises(MissingInputError, match="gone is not there"):
        open_corpus(root)
