"""Groups of a corpus: device, city and other columns to report by."""

from __future__ import annotations

import pytest
from corpus_files import write

from asc.corpus import Clip, Corpus, CorpusBuilder, groups, open_corpus
from asc.corpus.description import describe
from asc.corpus.summary import summarise
from asc.errors import InputError, UsageError

HEADER = "filename\tscene_label\tidentifier\tsource_label"


def columns(corpus: Corpus) -> dict[str, list[str]]:
    return {name: list(values) for name, values in corpus.groups.items()}


# TAU


def test_tau_has_device_and_city_and_its_location_is_the_recording(tmp_path):
    write(
        tmp_path / "meta.csv",
        HEADER,
        "audio/bus-lyon-7-0-a.wav\tbus\tlyon-7\ta",
        "audio/bus-lyon-7-0-s1.wav\tbus\tlyon-7\ts1",
        "audio/bus-new-york-12-0-b.wav\tbus\tnew-york-12\tb",
    )
    corpus = open_corpus(tmp_path)
    assert columns(corpus) == {
        "city": ["lyon", "lyon", "new-york"],
        "device": ["a", "s1", "b"],
    }
    assert corpus.recordings == ("lyon-7", "new-york-12")
    assert corpus.notes == ()


def test_tau_reads_the_city_from_file_names_and_says_nothing_of_what_is_unknown(
    tmp_path,
):
    write(
        tmp_path / "meta.csv",
        HEADER,
        "audio/bus-lyon-7-0-a.wav\tbus\t\t",
        "audio/other.wav\tbus\tsomewhere\tNaN",
        "audio/tram.wav\tbus\tparis-1\tc",
    )
    corpus = open_corpus(tmp_path)
    assert [dict(clip.groups) for clip in corpus.clips] == [
        {"city": "lyon"},
        {},
        {"city": "paris", "device": "c"},
    ]


# Tables


def test_columns_of_a_table_by_their_names(tmp_path):
    file = write(
        tmp_path / "clips.csv",
        "path,label,Device,location,group_season,group_scene,weather",
        "a.wav,bus,phone, bridge ,summer,x,rain",
        "b.wav,tram,,n/a,winter,y,sun",
    )
    corpus = open_corpus(file)
    assert columns(corpus) == {
        "device": ["phone", ""],
        "location": ["bridge", ""],
        "season": ["summer", "winter"],
    }
    assert corpus.notes == (
        "2 columns of clips.csv not used: 'group_scene', 'weather'.",
    )
    assert not corpus.recordings_known


def test_the_first_name_of_a_group_wins_and_the_other_is_named(tmp_path):
    file = write(
        tmp_path / "clips.csv",
        "path,label,source_label,device",
        "a.wav,bus,a,phone",
    )
    corpus = open_corpus(file)
    assert columns(corpus) == {"device": ["phone"]}
    assert corpus.notes == ("1 column of clips.csv not used: 'source_label'.",)


def test_a_value_is_composed_and_one_with_control_characters_is_a_problem(tmp_path):
    file = write(
        tmp_path / "clips.csv",
        "path,label,city",
        "a.wav,bus,Malmo\u0308",
        "b.wav,bus,\x1b[2J",
        f"c.wav,bus,{'x' * 300}",
    )
    corpus = open_corpus(file)
    assert columns(corpus) == {"city": ["Malmö"]}
    assert [problem.message for problem in corpus.problems] == [
        "the city of b.wav has control characters in it.",
        "the city of c.wav has 300 characters. Expected at most 256 bytes.",
    ]


def test_a_column_that_identifies_clips_is_left_out_with_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr("asc.corpus.builder.MOST_VALUES", 2)
    rows = [f"{n}.wav,bus,{n % 2},place {n}" for n in range(3)]
    file = write(tmp_path / "clips.csv", "path,label,device,location", *rows)
    corpus = open_corpus(file)
    assert columns(corpus) == {"device": ["0", "1", "0"]}
    assert corpus.notes == (
        "Group location is not used: it has 3 different values, and a group has at"
        " most 2.",
    )


def test_too_many_groups(tmp_path):
    names = [f"group_{n}x" for n in range(30)] + [f"group_g{n}" for n in range(17)]
    row = ",".join("v" * len(names))
    file = write(
        tmp_path / "clips.csv", f"path,label,{','.join(names)}", f"a.wav,bus,{row}"
    )
    with pytest.raises(InputError, match="has 17 groups. Expected at most 16"):
        open_corpus(file)


# A reader of one's own


@pytest.mark.parametrize(
    "name", ["Device", "", "1st", "path", "seconds", "a b", "x" * 41]
)
def test_a_group_needs_a_name(tmp_path, name):
    builder = CorpusBuilder(tmp_path, "own")
    with pytest.raises(UsageError, match="cannot be the name of a group"):
        builder.add("line 1", "a.wav", "bus", None, groups={name: "x"})


def test_a_column_has_a_value_for_every_clip():
    first = Clip("a.wav", "bus", "r", {"device": "a"})
    clips = (first, Clip("b.wav", "bus", "r"))
    corpus = Corpus("root", "c", "own", clips)  # type: ignore[arg-type]
    assert columns(corpus) == {"device": ["a", ""]}
    assert first != Clip("a.wav", "bus", "r")


# What is shown


def test_values_are_counted(tmp_path, write_wav):
    for name in "abc":
        write_wav(tmp_path / f"{name}.wav", seconds=0.1)
    file = write(
        tmp_path / "clips.csv",
        "path,label,device",
        "a.wav,bus,s1",
        "b.wav,bus,",
        "c.wav,bus,a",
    )
    summary = summarise(open_corpus(file))
    assert summary["groups"] == {"device": {"a": 1, "s1": 1}}
    line = "group device (2): a 1, s1 1; 1 clip without one"
    assert line in describe(summary).splitlines()


def test_a_line_of_many_values_is_short():
    line = groups.group_line("site", {f"place{n}": 1 for n in range(500)}, 500)
    assert len(line) < 400 and line.endswith("480 more")
