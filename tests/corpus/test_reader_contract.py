"""What every reader promises, on the smallest corpus that it reads.

A new reader needs an entry in `EXAMPLES`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from corpus_files import write
from world import call_command

import asc
from asc.corpus import READERS, Clip, Corpus, CorpusBuilder, Reader, open_corpus
from asc.corpus.reader import readers
from asc.errors import AscError, InputError, UsageError

BAD_ROWS = (("../../outside.wav", "bus"), ("no-label.wav", ""))


def tut(root: Path, rows: tuple[tuple[str, str], ...]) -> Path:
    write(root / "meta.txt", *(f"{path}\t{scene}" for path, scene in rows))
    write(root / "evaluation_setup" / "fold1_test.txt", rows[0][0])
    return root


def tau(root: Path, rows: tuple[tuple[str, str], ...]) -> Path:
    lines = [f"{path}\t{scene}\tr{n}" for n, (path, scene) in enumerate(rows)]
    write(root / "meta.csv", "filename\tscene_label\tidentifier", *lines)
    write(root / "evaluation_setup" / "fold1_test.csv", "filename", rows[0][0])
    return root


def esc50(root: Path, rows: tuple[tuple[str, str], ...]) -> Path:
    # The table leaves out the folder of the audio.
    lines = [f"{path},{n + 1},{scene},{n}" for n, (path, scene) in enumerate(rows)]
    write(root / "meta" / "esc50.csv", "filename,fold,category,src_file", *lines)
    return root


def table(root: Path, rows: tuple[tuple[str, str], ...]) -> Path:
    lines = [f"{path},{scene},{n + 1}" for n, (path, scene) in enumerate(rows)]
    write(root / "clips.csv", "path,label,fold", *lines)
    return root / "clips.csv"


def urbansound8k(root: Path, rows: tuple[tuple[str, str], ...]) -> Path:
    lines = [f"{path},{n},{n + 1},{scene}" for n, (path, scene) in enumerate(rows)]
    header = "slice_file_name,fsID,fold,class"
    write(root / "metadata" / "UrbanSound8K.csv", header, *lines)
    return root


def audiofolder(root: Path, rows: tuple[tuple[str, str], ...]) -> Path:
    lines = [f"{path},{scene}" for path, scene in rows]
    write(root / "metadata.csv", "file_name,label", *lines)
    return root


def folder(root: Path, rows: tuple[tuple[str, str], ...]) -> Path:
    for path, scene in rows:
        if (path, scene) not in BAD_ROWS:
            write(root / scene / Path(path).name)
    write(root / "bus" / "line\nbreak.wav")
    return root


#: Writes a corpus with rows (path, scene) into a folder; returns what to open.
EXAMPLES: dict[str, Callable[[Path, tuple[tuple[str, str], ...]], Path]] = {
    "tut": tut,
    "tau": tau,
    "esc50": esc50,
    "urbansound8k": urbansound8k,
    "audiofolder": audiofolder,
    "table": table,
    "folder": folder,
}
GOOD_ROWS = (("b_0_10.wav", "tram"), ("a_0_10.wav", "bus"), ("c_0_10.wav", "bus"))


@pytest.fixture(params=READERS.names())
def reader(request) -> Reader:
    return READERS.get(request.param)


@pytest.fixture
def example(reader: Reader, tmp_path: Path) -> Path:
    """Return a corpus of three clips, with rows that cannot be used."""
    return EXAMPLES[reader.name](tmp_path / "corpus", GOOD_ROWS + BAD_ROWS)


def test_every_reader_has_an_example():
    assert set(EXAMPLES) == set(READERS.names())


def test_a_reader_describes_itself(reader):
    assert reader.description and reader.description == reader.description.strip()
    assert 0 <= reader.priority < 100 or reader.name not in EXAMPLES


def test_the_documentation_lists_it(reader):
    page = Path(asc.__file__).parents[1] / "docs" / "reference" / "corpora.md"
    assert f"\n| `{reader.name}` |" in page.read_text("utf-8")


def test_priorities_are_different():
    order = [reader.priority for reader in readers()]
    assert order == sorted(set(order), reverse=True)


def test_its_corpus_is_detected(reader, example):
    assert reader.detect(example)
    assert open_corpus(example).format == reader.name
    assert open_corpus(str(example), reader.name) == open_corpus(example)


def test_other_paths_are_not_detected(reader, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "song.wav").touch()
    assert not reader.detect(tmp_path / "song.wav")
    # The folder reader takes any folder.
    assert reader.detect(tmp_path / "empty") == (reader.name == "folder")


def test_clips_are_sorted_and_inside_the_corpus(example, tmp_path):
    corpus = open_corpus(example)
    assert isinstance(corpus, Corpus)
    assert all(isinstance(clip, Clip) for clip in corpus.clips)
    paths = [clip.path for clip in corpus.clips]
    assert paths == sorted(set(paths)) and len(paths) == len(GOOD_ROWS)
    assert corpus.scenes == ("bus", "tram")
    for path in paths:
        place = (corpus.root / path).resolve()
        assert place.is_relative_to((tmp_path / "corpus").resolve())


def test_rows_that_cannot_be_used_are_problems(example):
    problems = open_corpus(example).problems
    assert len(problems) >= 1
    for problem in problems:
        assert problem.where and str(problem).isprintable()
        assert problem.message.endswith(".")


def test_reading_again_gives_the_same(reader, example):
    assert reader.read(example) == reader.read(example)


def test_folds_name_clips_of_the_corpus(example):
    corpus = open_corpus(example)
    known = {clip.path for clip in corpus.clips}
    for fold in corpus.folds.values():
        assert fold.train and fold.test
        assert {*fold.train, *fold.test} <= known
        assert not {*fold.train} & {*fold.test}
        assert list(fold.test) == sorted(fold.test)


def test_metadata_that_is_not_text_is_an_input_error(reader, example):
    for file in example.parent.rglob("*"):
        if file.is_file() and file.suffix in (".txt", ".csv"):
            file.write_bytes(b"\xff\xfe\x00path\xd8")
    try:
        reader.read(example)
    except AscError as error:
        assert isinstance(error, InputError)
        assert str(error).isprintable() and str(error).endswith(".")
    else:
        assert reader.name == "folder"  # it has no metadata


# The door for readers from outside

MODULE = """
import asc
from asc.corpus import CorpusBuilder, read_lines

@asc.register_reader
class LabelsReader(asc.Reader):
    name = "labels"
    description = "a folder with labels.txt"

    def detect(self, path):
        return (path / "labels.txt").is_file()

    def read(self, path):
        builder = CorpusBuilder(path, self.name)
        for number, line in enumerate(read_lines(path / "labels.txt"), 1):
            file, _, label = line.partition(" ")
            builder.add(f"line {number}", file, label, recording=None)
        return builder.build()
"""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Return a folder with a module, and a corpus that it reads."""
    (tmp_path / "my_readers.py").write_text(MODULE)
    write(tmp_path / "corpus" / "labels.txt", "x/b.wav tram", "x/a.wav bus")
    return tmp_path


def test_a_module_adds_a_reader_by_option(labels):
    words = ("corpus", "info", "corpus", "--import", "my_readers", "--json")
    done = call_command("asc", *words, cwd=labels)
    assert done.returncode == 0, done.stderr
    assert '"format": "labels"' in done.stdout
    shown = call_command(
        "asc", "extract", "--import", "my_readers", "--help", cwd=labels
    )
    assert "labels, tut, tau" in shown.stdout
    dry = call_command(
        "asc", "extract", "corpus", "--format", "labels", "--dry-run", cwd=labels
    )
    assert dry.returncode == 2 and "'labels'" in dry.stderr
    lost = call_command(
        "asc", "corpus", "info", "corpus", "--import", "no_such_module", cwd=labels
    )
    assert lost.returncode == 3 and "no_such_module" in lost.stderr


def test_a_registered_reader_is_asked_first(labels, monkeypatch):
    write(labels / "corpus" / "meta.csv", "path,label", "c.wav,bus")
    monkeypatch.syspath_prepend(labels)
    monkeypatch.delitem(sys.modules, "my_readers", raising=False)
    with READERS.restored():
        assert open_corpus(labels / "corpus").format == "tau"
        __import__("my_readers")
        corpus = open_corpus(labels / "corpus")
        assert corpus.format == "labels"
        assert [clip.path for clip in corpus.clips] == ["x/a.wav", "x/b.wav"]
        assert open_corpus(labels / "corpus", "tau").format == "tau"
        with pytest.raises(InputError, match="not a corpus.*labels: a folder with"):
            open_corpus(labels / "my_readers.py")
    assert "labels" not in READERS


def test_what_cannot_be_registered():
    class Nameless(Reader):
        def detect(self, path: Path) -> bool:
            return False

        def read(self, path: Path) -> Corpus:
            return CorpusBuilder(path, "nameless").build()

    class Taken(Nameless):
        name = "tut"

    with READERS.restored():
        for wrong in (Nameless, Taken, object, Nameless()):
            with pytest.raises(UsageError):
                asc.register_reader(wrong)
