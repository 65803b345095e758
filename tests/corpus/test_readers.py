"""Readers: what is read as what, and a sentence for every row that cannot be."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from corpus_files import write

from asc.corpus import Clip, Corpus, Fold, open_corpus
from asc.corpus.audio_files import AUDIO_ENDINGS
from asc.corpus.tables import COLUMNS
from asc.errors import InputError, MissingInputError, UsageError

ESCAPE = "\x1b[31m"


def touch(*paths: Path) -> None:
    """Make empty files: readers look at names only."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def tut2017(root: Path, ends: str = "\n") -> Path:
    """Write the metadata of a small development set."""
    recordings = {"a001": "cafe/restaurant", "b020": "beach", "b031": "beach"}
    rows = [
        f"audio/{name}_{start}_{start + 10}.wav\t{scene}\t{name}"
        for name, scene in recordings.items()
        for start in (0, 10, 110)
    ]
    write(root / "meta.txt", *reversed(rows), ends=ends)
    setup = root / "evaluation_setup"
    for fold, tested in ((1, "a001"), (2, "b020")):
        labelled = [row.rpartition("\t")[0] for row in rows]
        test = [row for row in labelled if f"/{tested}_" in row]
        train = [row for row in labelled if row not in test]
        write(setup / f"fold{fold}_train.txt", *train, ends=ends)
        write(setup / f"fold{fold}_evaluate.txt", *test, ends=ends)
        names = [row.split("\t")[0] for row in test]
        write(setup / f"fold{fold}_test.txt", *names, ends=ends)
    return root


def tau(root: Path) -> Path:
    """Write the metadata of a small TAU corpus."""
    rows = [
        (f"audio/{scene}-{place}-0-{clip}-a.wav", scene, place, "a")
        for scene in ("airport", "bus")
        for place in ("lisbon-1000", "vienna-7")
        for clip in range(2)
    ]
    header = "filename\tscene_label\tidentifier\tsource_label"
    write(root / "meta.csv", header, *("\t".join(row) for row in rows))
    setup = root / "evaluation_setup"
    train = ["\t".join(row[:2]) for row in rows if row[2] == "vienna-7"]
    test = ["\t".join(row[:2]) for row in rows if row[2] != "vienna-7"]
    write(setup / "fold1_train.csv", "filename\tscene_label", *train)
    write(setup / "fold1_evaluate.csv", "filename\tscene_label", *test)
    # Unlabelled lists leave clips out in some years, so the others are used.
    write(setup / "fold1_test.csv", "filename", test[0].split("\t")[0])
    return root


def esc50(root: Path) -> Path:
    """Write the metadata of a small ESC-50."""
    write(
        root / "meta" / "esc50.csv",
        "filename,fold,target,category,esc10,src_file,take",
        "1-100032-A-0.wav,1,0,dog,True,100032,A",
        "1-100032-B-0.wav,1,0,dog,True,100032,B",
        "2-1977-A-1.wav,2,1,rain,False,1977,A",
        "3-77-A-1.wav,3,1,rain,False,77,A",
    )
    return root


def scene_folders(root: Path) -> Path:
    """Write a folder of scene folders."""
    touch(
        root / "beach" / "1.WAV",
        root / "beach" / "deeper" / "2.flac",
        root / "tram" / "3.ogg",
        root / "tram" / "notes.txt",
        root / "tram" / "._3.ogg",
        root / ".cache" / "4.wav",
        root / "loose.mp3",
    )
    return root


def table(path: Path) -> Path:
    """Write a small table."""
    return write(path, "path,label", "a.wav,beach", "b.wav,tram")


def problems(corpus: Corpus) -> str:
    return "\n".join(map(str, corpus.problems))


def by_path(corpus: Corpus) -> dict[str, Clip]:
    return {clip.path: clip for clip in corpus.clips}


# Detection


def test_format_overrides_detection(tmp_path):
    root = tut2017(tmp_path / "both")
    touch(root / "beach" / "x.wav")
    assert open_corpus(root).format == "tut"
    corpus = open_corpus(root, "folder")
    assert (corpus.format, corpus.clips) == (
        "folder",
        (Clip("beach/x.wav", "beach", "beach/x.wav"),),
    )


def test_a_format_that_the_folder_has_not_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read as format 'tau'"):
        open_corpus(tut2017(tmp_path), "tau")


def test_an_unknown_format_names_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="corpus format 'esc-50'.*mean 'esc50'"):
        open_corpus(tmp_path, "esc-50")
    with pytest.raises(UsageError):  # whatever is there
        open_corpus(tmp_path / "gone", "esc-50")


def test_nothing_there(tmp_path):
    with pytest.raises(MissingInputError, match="No corpus at .*no such file"):
        open_corpus(tmp_path / "gone")
    with pytest.raises(UsageError, match="corpus must be a path. Got .*no path has"):
        open_corpus("a\0b")


def test_a_file_that_is_no_table(tmp_path):
    touch(tmp_path / "song.wav")
    with pytest.raises(InputError, match="not a corpus.*table: a .csv or .tsv table"):
        open_corpus(tmp_path / "song.wav")


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="permission denied"):
        open_corpus(scene_folders(tmp_path))


def test_a_folder_whose_parent_may_not_be_entered(tmp_path, monkeypatch):
    def refuse(self, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match="permission denied"):
        open_corpus(tmp_path)


@pytest.mark.parametrize("format", ["folder", "table", "tut", "tau", "esc50"])
def test_a_corpus_without_clips(tmp_path, format):
    path = tmp_path / "clips.csv" if format == "table" else tmp_path
    write(tmp_path / "clips.csv", "path,label", "a.wav,")
    write(tmp_path / "meta.txt", "a.wav")
    write(tmp_path / "meta.csv", "filename\tscene_label")
    write(tmp_path / "meta" / "esc50.csv", "filename,category", "a.wav,")
    expected = f"No clips in .*{format!r}.*tut: a TUT folder"
    if format == "folder":
        expected = "There is no audio in .*3 .csv, 1 .txt.*a folder for each scene"
    with pytest.raises(InputError, match=expected):
        open_corpus(path, format)


def test_no_clips_says_what_is_wrong_with_the_first_row(tmp_path):
    with pytest.raises(InputError, match="First problem: clips.csv line 2: a.wav has"):
        open_corpus(write(tmp_path / "clips.csv", "path,label", "a.wav,"))


# TUT


def test_tut_2017(tmp_path):
    corpus = open_corpus(tut2017(tmp_path / "TUT 2017, dev"))
    assert corpus.name == "TUT-2017-dev"
    assert corpus.scenes == ("beach", "cafe/restaurant")
    assert corpus.recordings == ("a001", "b020", "b031")
    assert corpus.recordings_known
    assert len(corpus.clips) == 9
    assert [clip.path for clip in corpus.clips] == sorted(by_path(corpus))
    assert by_path(corpus)["audio/a001_0_10.wav"].scene == "cafe/restaurant"
    assert list(corpus.folds) == ["fold1", "fold2"]
    assert corpus.folds["fold2"].test == (
        "audio/b020_0_10.wav",
        "audio/b020_10_20.wav",
        "audio/b020_110_120.wav",
    )
    assert len(corpus.folds["fold2"].train) == 6
    assert (corpus.problems, corpus.notes) == ((), ())


def test_line_ends_and_byte_order_mark_change_nothing(tmp_path):
    expected = open_corpus(tut2017(tmp_path / "unix"))
    for name, ends in (("dos", "\r\n"), ("mac", "\r")):
        corpus = open_corpus(tut2017(tmp_path / name, ends))
        assert replace(corpus, root=expected.root, name=expected.name) == expected
    for file in (tmp_path / "unix").rglob("*.txt"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert open_corpus(tmp_path / "unix") == expected


def test_order_of_rows_changes_nothing(tmp_path):
    expected = open_corpus(tut2017(tmp_path))
    for file in tmp_path.rglob("*.txt"):
        write(file, *reversed(file.read_text().splitlines()))
    assert open_corpus(tmp_path) == expected


def test_error_txt_is_not_needed_and_not_used(tmp_path):
    expected = open_corpus(tut2017(tmp_path))
    write(tmp_path / "error.txt", "audio/b020_0_10.wav\t1.0\t2.5\terror")
    assert open_corpus(tmp_path) == expected


def test_tut_2016_takes_recordings_from_file_names(tmp_path):
    write(
        tmp_path / "meta.txt",
        "audio/b020_90_120.wav\tbeach",
        "audio/b020_0_30.wav\tbeach",
        "audio/a_1_0_30.wav\ttram",
    )
    corpus = open_corpus(tmp_path)
    assert corpus.recordings == ("a_1", "b020")
    assert corpus.recordings_known


@pytest.mark.parametrize("name", ["audio/1.wav", "audio/airport_17.wav"])
def test_file_names_that_tell_no_recording(tmp_path, name):
    write(tmp_path / "meta.txt", f"{name}\tbeach", "audio/2.wav\ttram")
    corpus = open_corpus(tmp_path)
    assert not corpus.recordings_known
    assert by_path(corpus)[name].recording == name


def test_tut_evaluation_set(tmp_path):
    write(tmp_path / "meta.txt", "audio/1.wav\tbus\tb174", "audio/10.wav\tcar\ta100")
    setup = tmp_path / "evaluation_setup"
    write(setup / "evaluate.txt", "audio/1.wav\tbus", "audio/10.wav\tcar")
    write(setup / "test.txt", "audio/1.wav", "audio/10.wav")
    corpus = open_corpus(tmp_path)
    assert corpus.clips == (
        Clip("audio/1.wav", "bus", "b174"),
        Clip("audio/10.wav", "car", "a100"),
    )
    assert (corpus.folds, corpus.problems) == ({}, ())


def test_a_tut_evaluation_set_as_it_is_unpacked(tmp_path):
    """Lists alone; the original names tell recordings, on whichever side."""
    setup = tmp_path / "evaluation_setup"
    names = [f"audio/{number}.wav" for number in range(1, 4)]
    write(setup / "evaluate.txt", *(f"{name}\tbus" for name in names))
    write(
        setup / "map.txt",
        "audio/b174_0_10.wav\taudio/1.wav",
        "audio/2.wav\taudio/b174_10_20.wav",
    )
    corpus = open_corpus(tmp_path)
    assert corpus.format == "tut"
    assert corpus.clips == (
        Clip("audio/1.wav", "bus", "b174"),
        Clip("audio/2.wav", "bus", "b174"),
        Clip("audio/3.wav", "bus", "audio/3.wav"),
    )
    write(tmp_path / "meta.txt", *(f"{name}\ttram" for name in names))
    assert {(c.scene, c.recording) for c in open_corpus(tmp_path).clips[:2]} == {
        ("tram", "b174")
    }


def test_a_fold_needs_no_train_list_and_no_labels(tmp_path):
    tut2017(tmp_path)
    expected = open_corpus(tmp_path).folds
    setup = tmp_path / "evaluation_setup"
    for fold in (1, 2):
        (setup / f"fold{fold}_train.txt").unlink()
        (setup / f"fold{fold}_evaluate.txt").unlink()
        names = (setup / f"fold{fold}_test.txt").read_text().splitlines()
        # The same files, spelled otherwise, are still not trained on.
        write(setup / f"fold{fold}_test.txt", *(rf".\{name} " for name in names))
    assert open_corpus(tmp_path).folds == expected


def test_official_lists_are_kept_as_they_are(tmp_path):
    """Tested twice, or never: both happen in TUT 2017 and are not repaired."""
    tut2017(tmp_path)
    setup = tmp_path / "evaluation_setup"
    again = [f"audio/b020_{span}.wav\tbeach" for span in ("0_10", "10_20")]
    write(setup / "fold3_evaluate.txt", *again)
    write(setup / "fold3_train.txt", "audio/a001_0_10.wav\tcafe/restaurant")
    folds = open_corpus(tmp_path).folds
    assert folds["fold3"] == Fold(
        train=("audio/a001_0_10.wav",),
        test=("audio/b020_0_10.wav", "audio/b020_10_20.wav"),
    )
    assert set(folds["fold3"].test) < set(folds["fold2"].test)
    assert not any("b031" in path for fold in folds.values() for path in fold.test)


def test_tut_rows_with_another_number_of_fields(tmp_path):
    write(tmp_path / "meta.txt", "a.wav beach", "b.wav\tbus\tr1", "", "a\tb\tc\td")
    corpus = open_corpus(tmp_path)
    assert [clip.path for clip in corpus.clips] == ["b.wav"]
    assert problems(corpus) == (
        "meta.txt line 1: 1 tab-separated fields, expected 2 or 3.\n"
        "meta.txt line 4: 4 tab-separated fields, expected 2 or 3."
    )


def test_fold_lists_that_name_unknown_files(tmp_path):
    tut2017(tmp_path)
    setup = tmp_path / "evaluation_setup"
    with (setup / "fold1_train.txt").open("a") as file:
        file.write("audio/zzz.wav\tbeach\naudio/yyy.wav\tbeach\n")
    with (setup / "fold2_evaluate.txt").open("a") as file:
        file.write("audio/xxx.wav\tbeach\n")
    corpus = open_corpus(tmp_path)
    assert problems(corpus) == (
        "fold1 (train): 2 of 8 files are not in the metadata, such as audio/yyy.wav.\n"
        "fold2 (test): audio/xxx.wav is not in the metadata."
    )
    assert len(corpus.folds["fold1"].train) == 6
    assert len(corpus.folds["fold2"].test) == 3


def test_a_file_in_the_train_and_in_the_test_list(tmp_path):
    tut2017(tmp_path)
    with (tmp_path / "evaluation_setup" / "fold1_train.txt").open("a") as file:
        file.write("audio/a001_0_10.wav\tcafe/restaurant\n")
    corpus = open_corpus(tmp_path)
    assert problems(corpus) == (
        "fold1: audio/a001_0_10.wav is in the train and in the test list."
    )
    assert "audio/a001_0_10.wav" in corpus.folds["fold1"].test


def test_a_fold_without_anything_to_test_or_train_on_is_left_out(tmp_path):
    tut2017(tmp_path)
    setup = tmp_path / "evaluation_setup"
    write(setup / "fold1_evaluate.txt")
    write(setup / "fold1_test.txt")
    write(setup / "fold2_train.txt", "audio/gone.wav\tbeach")
    corpus = open_corpus(tmp_path)
    assert corpus.folds == {}
    assert "fold1: there is no clip to test on" in problems(corpus)
    assert "fold2: there is no clip to train on" in problems(corpus)


# TAU and ESC-50


def test_tau(tmp_path):
    corpus = open_corpus(tau(tmp_path))
    assert len(corpus.clips) == 8
    assert corpus.scenes == ("airport", "bus")
    assert corpus.recordings == ("lisbon-1000", "vienna-7")
    fold = corpus.folds["fold1"]
    assert len(fold.train) == len(fold.test) == 4
    assert all("vienna" in path for path in fold.train)
    assert corpus.problems == ()


def test_tau_2018_lists_end_in_txt_and_have_no_header(tmp_path):
    expected = open_corpus(tau(tmp_path))
    for file in (tmp_path / "evaluation_setup").iterdir():
        write(file.with_suffix(".txt"), *file.read_text().splitlines()[1:])
        file.unlink()
    assert open_corpus(tmp_path) == expected


def test_tau_without_lists(tmp_path):
    corpus = open_corpus(tau(tmp_path))
    for file in (tmp_path / "evaluation_setup").iterdir():
        file.unlink()
    assert open_corpus(tmp_path) == replace(corpus, folds={})


def test_tau_rows_with_another_number_of_fields(tmp_path):
    write(tmp_path / "meta.csv", "filename\tscene_label", "a.wav\tbus", "b.wav")
    assert problems(open_corpus(tmp_path)) == (
        "meta.csv line 3: the number of fields is not that of the header."
    )


def test_esc50(tmp_path):
    corpus = open_corpus(esc50(tmp_path))
    assert corpus.clips[0] == Clip("audio/1-100032-A-0.wav", "dog", "100032")
    assert corpus.recordings == ("100032", "1977", "77")
    assert list(corpus.folds) == ["fold1", "fold2", "fold3"]
    assert corpus.folds["fold2"] == Fold(
        train=(
            "audio/1-100032-A-0.wav",
            "audio/1-100032-B-0.wav",
            "audio/3-77-A-1.wav",
        ),
        test=("audio/2-1977-A-1.wav",),
    )


def test_an_empty_file_name_is_not_the_audio_folder(tmp_path):
    esc50(tmp_path)
    with (tmp_path / "meta" / "esc50.csv").open("a") as file:
        file.write(",1,0,dog,True,1,A\n")
    assert problems(open_corpus(tmp_path)) == (
        "meta/esc50.csv line 6: the path is empty."
    )


# Tables


@pytest.mark.parametrize("delimiter, suffix", [(",", ".csv"), ("\t", ".tsv")])
@pytest.mark.parametrize(
    "path_name, label_name", list(product(COLUMNS["path"], COLUMNS["label"]))
)
def test_every_name_of_path_and_label(
    tmp_path, path_name, label_name, delimiter, suffix
):
    file = write(
        tmp_path / f"clips{suffix}",
        delimiter.join((label_name, "other", path_name)),
        delimiter.join(("cafe/restaurant", "?", "sub/a.wav")),
    )
    corpus = open_corpus(file)
    assert corpus.clips == (Clip("sub/a.wav", "cafe/restaurant", "sub/a.wav"),)
    assert corpus.root == tmp_path
    assert not corpus.recordings_known


@pytest.mark.parametrize("name", COLUMNS["recording"])
def test_every_name_of_recording(tmp_path, name):
    file = write(tmp_path / "t.csv", f"path,label,{name}", "a.wav,beach,r7")
    corpus = open_corpus(file)
    assert corpus.recordings == ("r7",)
    assert corpus.recordings_known


def test_the_preferred_name_wins(tmp_path):
    file = write(
        tmp_path / "t.csv", "category,file,label,path", "animal,old.wav,dog,new.wav"
    )
    assert open_corpus(file).clips == (Clip("new.wav", "dog", "new.wav"),)


def test_quoted_fields(tmp_path):
    file = write(
        tmp_path / "t.csv", "path,label,recording", '"a, b.wav","say ""hi""","r,1"'
    )
    assert open_corpus(file).clips == (Clip("a, b.wav", 'say "hi"', "r,1"),)


def test_a_column_of_folds(tmp_path):
    file = write(
        tmp_path / "t.csv",
        "path,label,fold",
        "a.wav,x,1",
        "b.wav,x,2",
        "c.wav,x,10.0",
        "d.wav,x,",
        "e.wav,x,../1",
    )
    corpus = open_corpus(file)
    assert corpus.folds == {
        "fold1": Fold(("b.wav", "c.wav"), ("a.wav",)),
        "fold2": Fold(("a.wav", "c.wav"), ("b.wav",)),
        "fold10": Fold(("a.wav", "b.wav"), ("c.wav",)),
    }
    assert len(corpus.clips) == 5
    assert problems(corpus) == (
        "t.csv line 6: the fold '../1' of e.wav is not a number."
    )


def test_a_single_fold_has_nothing_to_train_on(tmp_path):
    file = write(tmp_path / "t.csv", "path,label,fold", "a.wav,x,1", "b.wav,y,1")
    corpus = open_corpus(file)
    assert corpus.folds == {}
    assert "no clip to train on" in problems(corpus)


def test_tables_in_other_line_ends(tmp_path):
    rows = ("path,label,recording,fold", "a.wav,x,r1,1", "b.wav,y,r2,2")
    file = write(tmp_path / "t.csv", *rows)
    expected = open_corpus(file)
    plain = file.read_bytes()
    assert open_corpus(write(file, "", *rows, ",,,", ends="\r\n")) == expected
    file.write_bytes(b"\xef\xbb\xbf" + plain)
    assert open_corpus(file) == expected


@pytest.mark.parametrize(
    "header, column, expected",
    [
        ("path,klass", "label", "'label', 'scene', 'scene_label', 'category'"),
        ("wav,label", "path", "'path', 'filename', 'file', 'file_name'"),
    ],
)
def test_a_missing_column_names_received_and_expected(
    tmp_path, header, column, expected
):
    received = ", ".join(map(repr, header.split(",")))
    with pytest.raises(InputError) as caught:
        open_corpus(write(tmp_path / "t.csv", header, "a,b"))
    assert f"has no column for the {column}. Got the columns {received}. " in str(
        caught.value
    )
    assert str(caught.value).endswith(f"Expected one of {expected}.")


@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_table(tmp_path, content):
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match="is empty. Expected a header"):
        open_corpus(file)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.parametrize("name", ["t.csv", "meta.txt"])
def test_text_in_another_encoding(tmp_path, name, encoding):
    file = tmp_path / name
    file.write_bytes("path,label\ncafé.wav,x\n".encode(encoding))
    with pytest.raises(InputError, match=f"{name} is not UTF-8 text: byte .* as UTF-8"):
        open_corpus(file if name == "t.csv" else tmp_path)


def test_a_table_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(path, flags, **options):
        raise PermissionError(13, "Permission denied")

    file = table(tmp_path / "t.csv")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="t.csv cannot be read: permission denied"):
        open_corpus(file)


def test_a_quote_that_is_never_closed(tmp_path):
    rows = [f"clip{number:05}.wav,scene" for number in range(10_000)]
    file = write(tmp_path / "t.csv", "path,label", 'a.wav,"beach', *rows)
    with pytest.raises(InputError, match="is not a table .*field larger"):
        open_corpus(file)


def test_a_quote_does_not_swallow_rows_without_a_word(tmp_path):
    rows = ['a.wav,beach,"by the sea', "b.wav,bus,", "c.wav,tram,"]
    file = write(tmp_path / "t.csv", "path,label,note", *rows)
    with pytest.raises(
        InputError, match="t.csv is not a table .unexpected end of data"
    ):
        open_corpus(file)


def test_line_breaks_within_quotes_belong_to_the_field(tmp_path):
    rows = ('a.wav,bus,"two', 'lines"', '"b', '.wav",bus,', 'c.wav,"b', 'us",')
    corpus = open_corpus(write(tmp_path / "t.csv", "path,label,note", *rows))
    assert [clip.path for clip in corpus.clips] == ["a.wav"]
    assert problems(corpus).count("has control characters in it") == 2


# Rows of any format


@pytest.mark.parametrize(
    "row, problem",
    [
        ("a.wav,", "a.wav has no label."),
        (",beach", "the path is empty."),
        ("./,beach", "the path ./ names a folder."),
        ("ok.wav,beach", "ok.wav was listed before (t.csv line 2), with the same"),
        ("./ok.wav,beach", "ok.wav was listed before (t.csv line 2), with the same"),
        ("ok.wav,tram", "ok.wav was listed before (t.csv line 2), with another label."),
        ("../a.wav,beach", "the path ../a.wav leaves the corpus folder."),
        ("x/../../a.wav,beach", "the path x/../../a.wav leaves the corpus folder."),
        ("/etc/a.wav,beach", "the path /etc/a.wav leaves the corpus folder."),
        ("C:\\a.wav,beach", "the path C:\\a.wav leaves the corpus folder."),
        ("\\\\host\\a.wav,beach", "the path \\\\host\\a.wav leaves the corpus folder."),
        (f"a.wav,{ESCAPE}beach", "the label of a.wav has control characters in it."),
        ("a.wav,b\x1ceach", "the label of a.wav has control characters in it."),
        (f"{ESCAPE}.wav,beach", "\\x1b[31m.wav' has control characters in it."),
        ("a.wav", "the number of fields is not that of the header."),
        ("a.wav,beach,b", "the number of fields is not that of the header."),
    ],
)
def test_a_row_that_cannot_be_used(tmp_path, row, problem):
    file = write(tmp_path / "t.csv", "path,label", "ok.wav,beach", row, "b.wav,bus")
    corpus = open_corpus(file)
    assert [clip.path for clip in corpus.clips] == ["b.wav", "ok.wav"]
    assert by_path(corpus)["ok.wav"].scene == "beach"
    (found,) = map(str, corpus.problems)
    assert found.startswith("t.csv line 3: ")
    assert problem in found
    assert found.isprintable()


def test_control_characters_in_a_recording(tmp_path):
    file = write(
        tmp_path / "t.csv", "path,label,recording", f"a.wav,x,{ESCAPE}", "b.wav,x,r"
    )
    corpus = open_corpus(file)
    assert corpus.recordings == ("r",)
    assert problems(corpus) == (
        "t.csv line 2: the recording of a.wav has control characters in it."
    )


def test_windows_separators_and_detours_are_made_plain(tmp_path):
    file = write(
        tmp_path / "t.csv", "path,label", r"x\y\a.wav,tram", "x/./../b.wav,bus"
    )
    assert list(by_path(open_corpus(file))) == ["b.wav", "x/y/a.wav"]


def test_clips_without_a_recording_are_noted(tmp_path):
    file = write(
        tmp_path / "t.csv", "path,label,recording", "a.wav,x,r1", "b.wav,x,", "c.wav,y,"
    )
    corpus = open_corpus(file)
    assert corpus.recordings_known and corpus.recordings == ("r1",)
    assert corpus.without_recording == 2
    assert not by_path(corpus)["b.wav"].recording_known


# Folders


def test_folders(tmp_path):
    corpus = open_corpus(scene_folders(tmp_path))
    assert [(clip.path, clip.scene) for clip in corpus.clips] == [
        ("beach/1.WAV", "beach"),
        ("beach/deeper/2.flac", "beach"),
        ("tram/3.ogg", "tram"),
    ]
    assert not corpus.recordings_known
    assert corpus.problems == ()
    assert corpus.notes[0] == "1 other file was left out: 1 .txt."
    assert corpus.notes[1] == "2 hidden names were left out: .cache, tram/._3.ogg."
    assert corpus.notes[2] == (
        "1 audio file was left out: directly in the corpus folder, not in a folder of a"
        " scene."
    )
    assert corpus.notes[3] == (
        "The names of 1 folder below those of scenes are not used, such as"
        " beach/deeper."
    )


@pytest.mark.parametrize("ending", AUDIO_ENDINGS)
def test_endings_of_audio(tmp_path, ending):
    touch(tmp_path / "a" / f"x{ending}", tmp_path / "a" / f"y{ending.upper()}")
    assert len(open_corpus(tmp_path).clips) == 2


def test_names_that_cannot_be_kept(tmp_path):
    """Control characters, bytes that are not UTF-8, and what reads otherwise."""
    bad = [b"esc\x1b[31m.wav", b"line\nbreak.wav", b"latin\xe9.wav", b"back\\slash.wav"]
    touch(tmp_path / "a" / "fine.wav", tmp_path / " b" / "x.wav")
    for name in bad:
        Path(os.fsdecode(os.fsencode(tmp_path / "a") + b"/" + name)).touch()
    corpus = open_corpus(tmp_path)
    assert [clip.path for clip in corpus.clips] == ["a/fine.wav"]
    assert len(corpus.problems) == len(bad) + 1
    assert all(str(problem).isprintable() for problem in corpus.problems)
    assert "a/latin\\udce9.wav" in problems(corpus)


def test_links_to_folders_are_not_followed(tmp_path):
    touch(tmp_path / "elsewhere" / "x.wav", tmp_path / "corpus" / "beach" / "y.wav")
    (tmp_path / "corpus" / "tram").symlink_to(tmp_path / "elsewhere")
    corpus = open_corpus(tmp_path / "corpus")
    assert corpus.scenes == ("beach",)
    assert problems(corpus).startswith("tram: is a link to a folder")


@pytest.mark.parametrize(
    ("table", "name"), [("manifest.csv", "birds"), ("Dawn 2.csv", "birds-Dawn-2")]
)
def test_tables_of_one_folder_have_names_of_their_own(tmp_path, table, name):
    file = tmp_path / "birds" / table
    file.parent.mkdir()
    file.write_text("path,label\na.wav,x\n")
    assert open_corpus(file).name == name


@pytest.mark.parametrize("value", ["", " ", "NaN", "nan", "<NA>", "None", "-"])
def test_values_that_stand_for_no_recording(tmp_path, value):
    rows = ("path,label,recording", f"a.wav,x,{value}", f"b.wav,x,{value}", "c.wav,y,r")
    corpus = open_corpus(write(tmp_path / "t.csv", *rows))
    assert (corpus.recordings, corpus.without_recording) == (("r",), 2)


def test_a_recording_that_is_called_like_its_clip_is_known(tmp_path):
    rows = ("path,label,recording", "a.wav,x,a.wav", "b.wav,x,b.wav")
    corpus = open_corpus(write(tmp_path / "t.csv", *rows))
    assert (len(corpus.recordings), corpus.without_recording) == (2, 0)
