"""Folders that are parts of a split, folds or scenes, and columns that say the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from corpus_files import touch, write

from asc.corpus import Corpus, Fold, make_splits, open_corpus
from asc.errors import InputError


def scenes(corpus: Corpus) -> dict[str, str]:
    return {clip.path: clip.scene for clip in corpus.clips}


def lists(fold: Fold) -> dict[str, set[str]]:
    """Return the lists of a fold."""
    return {name: set(getattr(fold, name)) for name in ("train", "validation", "test")}


SPLIT = ("train/dog/1", "train/cat/2", "val/dog/3", "val/cat/4", "test/dog/5")


# Folders


@pytest.mark.parametrize("above", ["", "audio/", "data/wavs/"])
@pytest.mark.parametrize("val", ["val", "valid", "validation", "dev", "Dev"])
def test_parts_of_a_split(tmp_path, above, val):
    names = [f"{above}{name.replace('val', val)}.wav" for name in SPLIT]
    corpus = open_corpus(touch(tmp_path, *names))
    assert list(scenes(corpus).values()) == [
        name.split("/")[-2] for name in sorted(names)
    ]
    assert set(corpus.folds) == {"given"}
    assert lists(corpus.folds["given"]) == {
        "train": set(names[:2]),
        "validation": set(names[2:4]),
        "test": set(names[4:]),
    }
    assert corpus.notes == (
        "The corpus gives a split (train 2, validation 2, test 1 clips), which is named"
        " 'given'.",
    )
    split = make_splits(corpus)["given"]
    paths = [clip.path for clip in corpus.clips]
    assert [paths[row] for row in split.validation] == sorted(names[2:4])
    assert [paths[row] for row in split.test] == names[4:]


@pytest.mark.parametrize(
    ("train", "test"), [("training", "testing"), ("TRAIN", "Eval"), ("dev", "eval")]
)
def test_validation_is_taken_from_train_where_it_is_not_given(tmp_path, train, test):
    inside = [f"{train}/{scene}/{n}.wav" for scene in "ab" for n in range(20)]
    corpus = open_corpus(touch(tmp_path, *inside, f"{test}/a/x.wav", f"{test}/b/y.wav"))
    assert corpus.scenes == ("a", "b")
    split = make_splits(corpus)["given"]
    assert len(split.test) == 2
    assert len(split.validation) == 6
    assert len(split.train) == 34


def test_parts_below_the_scenes(tmp_path):
    corpus = open_corpus(
        touch(tmp_path, "bus/train/1.wav", "bus/test/2.wav", "tram/train/3.wav")
    )
    assert corpus.scenes == ("bus", "tram")
    assert corpus.folds["given"].test == ("bus/test/2.wav",)


def test_a_split_without_a_test_part(tmp_path):
    corpus = open_corpus(touch(tmp_path, "train/a/1.wav", "val/a/2.wav"))
    split = make_splits(corpus)["given"]
    assert (list(split.train), list(split.validation), list(split.test)) == (
        [0],
        [1],
        [],
    )


def test_folds(tmp_path):
    names = ("fold1/a/1.wav", "Fold_02/a/2.wav", "fold-10/b/3.wav")
    corpus = open_corpus(touch(tmp_path, *names))
    assert corpus.scenes == ("a", "b")
    assert corpus.folds == {
        "fold1": Fold(tuple(sorted(names[1:])), names[:1]),
        "fold2": Fold(tuple(sorted(names[::2])), names[1:2]),
        "fold10": Fold(tuple(sorted(names[:2])), names[2:]),
    }


def test_folds_below_the_scenes(tmp_path):
    corpus = open_corpus(touch(tmp_path, "a/fold0/1.wav", "b/fold1/2.wav"))
    assert corpus.scenes == ("a", "b")
    assert list(corpus.folds) == ["fold0", "fold1"]


def test_a_vehicle_that_is_called_train_is_a_scene(tmp_path):
    corpus = open_corpus(touch(tmp_path, "bus/1.wav", "train/2.wav", "tram/x/3.wav"))
    assert corpus.scenes == ("bus", "train", "tram")
    assert corpus.folds == {}
    assert not any("scenes: train" in note for note in corpus.notes)


def test_scenes_that_are_named_as_parts_are_told(tmp_path):
    corpus = open_corpus(touch(tmp_path, "test/1.wav", "fold1/2.wav", "bus/3.wav"))
    assert corpus.scenes == ("bus", "fold1", "test")
    assert corpus.notes == (
        "These folders are named as parts of a split or folds are, but count as scenes:"
        " fold1, test.",
    )


def test_what_lies_beside_a_split_is_left_out_and_told(tmp_path):
    corpus = open_corpus(
        touch(
            tmp_path,
            "train/a/1.wav",
            "test/a/2.wav",
            "test/loose.wav",
            "extra/a/3.wav",
            "top.wav",
        )
    )
    assert set(scenes(corpus)) == {"train/a/1.wav", "test/a/2.wav"}
    assert set(corpus.notes) == {
        "1 audio file was left out: directly in the corpus folder, not in a folder of a"
        " scene.",
        "1 audio file was left out: directly in test, not in a folder of a scene.",
        "1 audio file was left out: extra is neither a part of the given split nor a"
        " fold.",
        "The corpus gives a split (train 1, test 1 clips), which is named 'given'.",
    }


@pytest.mark.parametrize(
    "names",
    [("1.wav",), ("audio/1.wav",), ("train/1.wav", "test/2.wav"), ("fold1/1.wav",) * 2],
)
def test_audio_without_folders_of_scenes(tmp_path, names):
    names = (*names, "fold2/2.wav") if names[0].startswith("fold") else names
    with pytest.raises(InputError) as caught:
        open_corpus(touch(tmp_path, *names))
    count = "1 audio file" if len(set(names)) == 1 else "2 audio files"
    assert str(caught.value) == (
        f"{tmp_path} holds {count} but no folder for each scene. Sort them into"
        f" {tmp_path}/LABEL/, or write a table with columns path and label."
    )


def test_a_folder_of_formats_that_are_not_read(tmp_path):
    with pytest.raises(InputError) as caught:
        open_corpus(touch(tmp_path, "a/1.m4a", "a/2.m4a", "b/3.webm"))
    assert str(caught.value).startswith(
        f"There is no audio in {tmp_path}. 3 files were left out, in formats that are"
        " not read: 2 .m4a, 1 .webm. Convert it: ffmpeg -i a/1.m4a a/1.wav Expected a"
        " folder for each scene"
    )


def test_skipped_files_are_counted(tmp_path):
    corpus = open_corpus(touch(tmp_path, "a/1.wav", "a/2.m4a", "a/x.txt", "b/x.txt"))
    assert corpus.skipped == {".txt": 2, ".m4a": 1}


def test_a_table_beside_audio_without_folders_is_named(tmp_path):
    write(tmp_path / "labels.tsv", "x\ty")
    with pytest.raises(InputError, match=r" If .*/labels.tsv is one, name it\.$"):
        open_corpus(touch(tmp_path, "1.wav"))


def test_a_pipe_in_place_of_a_table(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(InputError, match="neither a folder nor a regular file"):
        open_corpus(tmp_path / "t.csv")


# Columns


def test_a_column_of_parts(tmp_path):
    file = write(
        tmp_path / "t.csv",
        "path,label,Split",
        "a.wav,x,train",
        "b.wav,x,valid",
        "c.wav,y,TEST",
        "d.wav,y,",
        "e.wav,y,unlabelled",
    )
    corpus = open_corpus(file)
    assert len(corpus.clips) == 5
    assert corpus.folds == {"given": Fold(("a.wav",), ("c.wav",), ("b.wav",))}
    assert corpus.notes == (
        "1 clip is in no part of the split that t.csv gives: 'unlabelled' is not train,"
        " validation or test.",
        "The corpus gives a split (train 1, validation 1, test 1 clips), which is named"
        " 'given'.",
    )
    split = make_splits(corpus)["given"]
    assert [*split.train, *split.validation, *split.test] == [0, 1, 2]


def test_a_column_of_folds_that_names_parts(tmp_path):
    file = write(
        tmp_path / "t.csv", "path,label,fold", "a,x,train", "b,x,Eval", "c,x,?"
    )
    corpus = open_corpus(file)
    assert corpus.folds == {"given": Fold(("a",), ("b",))}
    assert corpus.problems == ()


def test_a_column_with_one_part_alone_is_no_split(tmp_path):
    corpus = open_corpus(write(tmp_path / "t.csv", "path,label,split", "a.wav,x,test"))
    assert corpus.folds == {}
    assert corpus.notes == (
        "The corpus gives no split, but a part of one: test 1 clips.",
    )


def test_columns_that_are_not_used_are_named(tmp_path):
    header = ",path,label,duration,Start,Unnamed: 1"
    file = write(tmp_path / "t.csv", header, "0,a.wav,x,1.0,0.5,")
    corpus = open_corpus(file)
    assert [clip.path for clip in corpus.clips] == ["a.wav"]
    assert corpus.notes == ("2 columns of t.csv not used: 'duration', 'Start'.",)


def test_a_table_with_semicolons_and_capitals(tmp_path):
    file = write(tmp_path / "t.csv", "File Name;Label;Fold", "a.wav;x;fold1", "b;y;2")
    corpus = open_corpus(file)
    assert scenes(corpus) == {"a.wav": "x", "b": "y"}
    assert list(corpus.folds) == ["fold1", "fold2"]


# Data sets


def us8k(root: Path) -> Path:
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    write(
        root / "metadata" / "UrbanSound8K.csv",
        header,
        "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark",
        "100263-2-0-117.wav,100263,58.5,62.5,1,5,2,children_playing",
        "100648-1-0-0.wav,100648,4.823402,5.471927,2,10,1,car_horn",
    )
    return touch(
        root,
        "audio/fold5/100032-3-0-0.wav",
        "audio/fold5/100263-2-0-117.wav",
        "audio/fold10/100648-1-0-0.wav",
    )


@pytest.mark.parametrize("part", ["", "metadata/UrbanSound8K.csv", "audio"])
def test_urbansound8k(tmp_path, part):
    """The folder, its table, or the audio alone, whose file names say the same."""
    corpus = open_corpus(us8k(tmp_path / "us8k") / part)
    above = "" if part == "audio" else "audio/"
    assert corpus.format == "urbansound8k"
    assert [(clip.path, clip.scene, clip.recording) for clip in corpus.clips] == [
        (f"{above}fold10/100648-1-0-0.wav", "car_horn", "100648"),
        (f"{above}fold5/100032-3-0-0.wav", "dog_bark", "100032"),
        (f"{above}fold5/100263-2-0-117.wav", "children_playing", "100263"),
    ]
    assert list(corpus.folds) == ["fold5", "fold10"]
    assert corpus.folds["fold10"].test == (f"{above}fold10/100648-1-0-0.wav",)
    assert (corpus.notes, corpus.problems) == ((), ())


def test_audio_that_the_metadata_does_not_list_is_told(tmp_path):
    root = touch(us8k(tmp_path), "audio/fold5/new.wav", "audio/fold5/newer.wav")
    assert open_corpus(root).notes == (
        "The metadata does not list 2 audio files of the folder, such as"
        " audio/fold5/new.wav.",
    )


def test_huggingface_with_one_table(tmp_path):
    write(
        tmp_path / "metadata.csv",
        "file_name,label,split",
        "data/1.wav,dog,train",
        "data/2.wav,cat,test",
    )
    corpus = open_corpus(touch(tmp_path, "data/1.wav", "data/2.wav"))
    assert corpus.format == "audiofolder"
    assert scenes(corpus) == {"data/1.wav": "dog", "data/2.wav": "cat"}
    assert corpus.folds == {"given": Fold(("data/1.wav",), ("data/2.wav",))}


def test_huggingface_with_a_table_in_each_part(tmp_path):
    write(tmp_path / "train" / "metadata.csv", "file_name,label", "1.wav,dog")
    write(tmp_path / "test" / "metadata.csv", "file_name,label", "sub/2.wav,cat", "3,")
    corpus = open_corpus(touch(tmp_path, "train/1.wav", "test/sub/2.wav"))
    assert scenes(corpus) == {"test/sub/2.wav": "cat", "train/1.wav": "dog"}
    assert corpus.folds == {"given": Fold(("train/1.wav",), ("test/sub/2.wav",))}
    assert list(map(str, corpus.problems)) == [
        "test/metadata.csv line 3: test/3 has no label."
    ]


def test_another_metadata_csv_beside_scene_folders(tmp_path):
    write(tmp_path / "metadata.csv", "id,device", "1,a")
    assert open_corpus(touch(tmp_path, "bus/1.wav")).format == "folder"
