"""Equal files in a corpus."""

from __future__ import annotations

from asc.corpus import Clip, Corpus, open_corpus
from asc.corpus.description import describe
from asc.corpus.duplicates import equal_files
from asc.corpus.summary import summarise


def files(tmp_path, **content):
    for name, data in content.items():
        (tmp_path / f"{name}.wav").write_bytes(data)
    clips = tuple(Clip(f"{name}.wav", "bus", name) for name in sorted(content))
    return Corpus(tmp_path, "c", "folder", clips)


def test_equal_files_are_found_by_content(tmp_path):
    corpus = files(tmp_path, a=b"xyz", b=b"xyz", c=b"zyx", d=b"long", e=b"zyx", f=b"q")
    (tmp_path / "f.wav").unlink()
    groups = equal_files(corpus)
    assert groups[0] == groups[1] != groups[2] == groups[4]
    assert groups[3] == groups[5] == -1
    assert (groups[[0, 1, 2, 4]] >= 0).all()


def test_only_files_of_equal_size_are_read(tmp_path):
    corpus = files(tmp_path, a=b"1", b=b"22", c=b"333", d=b"22")
    seen = []
    assert (equal_files(corpus, progress=lambda *at: seen.append(at)) >= 0).sum() == 2
    assert seen == [(1, 2), (2, 2)]
    assert (equal_files(files(tmp_path / "..", a=b"1")) == -1).all()


def test_the_summary_counts_them_when_it_is_asked_to(own_corpus):
    """The first clip is copied over all the others: what is tested is trained on."""
    audio = sorted((own_corpus / "audio").iterdir())
    for path in audio[1:]:
        path.write_bytes(audio[0].read_bytes())
    corpus = open_corpus(own_corpus)
    summary = summarise(corpus, duplicates=True)
    assert summary["duplicates"] == len(audio)
    for split in summary["splits"].values():
        assert split["duplicates"] == split["test"]
    random = next(line for line in describe(summary).splitlines() if "random" in line)
    assert random.split()[-1] == str(summary["splits"]["random"]["test"])

    summary = summarise(corpus)
    assert summary["duplicates"] is None
    assert summary["splits"]["random"]["duplicates"] is None
