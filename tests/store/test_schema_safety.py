"""A store is data from strangers: what is not as documented is refused.

Whatever a file holds, opening it ends in a store or in an error of asc with a
sentence: never in another exception, never in a large allocation.
"""

from __future__ import annotations

import errno
import os
import pickle
import random
import re
import resource
import shutil

import h5py
import numpy as np
import pytest

from asc.errors import InputError, MissingInputError, StoreError
from asc.store import FeatureStore, schema, verify


def replace(file: h5py.File, name: str, value: object) -> None:
    """Put a link or data in the place of a dataset or group."""
    del file[name]
    file[name] = value


# Structure.


def soft_link(file, path):
    file.move("features/mel", "elsewhere")
    file["features/mel"] = h5py.SoftLink("/elsewhere")


def soft_linked_group(file, path):
    file.move("splits", "elsewhere")
    file["splits"] = h5py.SoftLink("/elsewhere")


def soft_linked_split(file, path):
    file.move("splits/random", "elsewhere")
    file["splits/random"] = h5py.SoftLink("/elsewhere")


def dangling_link(file, path):
    replace(file, "rows/status", h5py.SoftLink("/nothing"))


def external_link(file, path):
    replace(file, "features/stft", h5py.ExternalLink(str(path) + ".other", "/x"))


def external_linked_group(file, path):
    os.mkfifo(str(path) + ".pipe")  # would block whoever opens it
    replace(file, "splits", h5py.ExternalLink(str(path) + ".pipe", "/splits"))


def external_storage(file, path):
    shape, dtype = file["features/mel"].shape, file["features/mel"].dtype
    del file["features/mel"]
    file.create_dataset(
        "features/mel", shape, dtype, external=[("/etc/passwd", 0, 24 * 256)]
    )


def virtual_dataset(file, path):
    layout = h5py.VirtualLayout((24, 16, 16, 1), "u1")
    layout[:] = h5py.VirtualSource(file["features/stft"])
    del file["features/mel"]
    file.create_virtual_dataset("features/mel", layout)


def chunked(file, path):
    data = file["features/mel"][:]
    del file["features/mel"]
    file.create_dataset("features/mel", data=data, chunks=(1, 16, 16, 1))


def gzipped(file, path):
    data = file["features/mel"][:]
    del file["features/mel"]
    file.create_dataset("features/mel", data=data, compression="gzip")


def compact(file, path):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((24,))
    del file["rows/status"]
    h5py.h5d.create(
        file["rows"].id, b"status", h5py.h5t.STD_U8LE, space, dcpl=properties
    )


def variable_length_text(file, path):
    names = [name.decode() for name in file["clips/path"][:]]
    del file["clips/path"]
    file.create_dataset("clips/path", data=names, dtype=h5py.string_dtype())


def object_references(file, path):
    del file["clips/scene"]
    data = np.full(24, file["rows/status"].ref, h5py.ref_dtype)
    file.create_dataset("clips/scene", data=data)


def ragged_arrays(file, path):
    del file["splits/random/train"]
    file.create_dataset("splits/random/train", (3,), h5py.vlen_dtype("i4"))


def big_endian(file, path):
    replace(file, "splits/random/train", np.arange(3, dtype=">i4"))


def compound(file, path):
    replace(file, "rows/status", np.zeros(24, [("a", "u1"), ("b", "u1")]))


def other_type(file, path):
    replace(file, "features/mel", np.zeros((24, 16, 16, 1), "i1"))


def other_float(file, path):
    replace(file, "clips/seconds", np.zeros(24, "f4"))


def too_few_rows(file, path):
    replace(file, "features/mel", np.ones((23, 16, 16, 1), "u1"))


def too_few_axes(file, path):
    replace(file, "features/mel", np.ones((24, 16, 16), "u1"))


def too_few_texts(file, path):
    replace(file, "clips/scene", np.array([b"bus"] * 23))


def short_digests(file, path):
    replace(file, "rows/digest_mel", np.ones((24, 16), "u1"))


def scalar(file, path):
    replace(file, "rows/status", np.uint8(1))


def nothing_at_all(file, path):
    replace(file, "rows/status", h5py.Empty("u1"))


def no_rows(file, path):
    replace(file, "rows/status", np.zeros(0, "u1"))


def group_for_dataset(file, path):
    del file["features/mel"]
    file.create_group("features/mel")


def dataset_for_group(file, path):
    replace(file, "splits", np.arange(3))


def dataset_for_split(file, path):
    replace(file, "splits/random", np.arange(3))


def type_for_group(file, path):
    replace(file, "splits", np.dtype("i4"))


def missing_dataset(file, path):
    del file["clips/recording"]


def missing_group(file, path):
    del file["failures"]


def missing_part(file, path):
    del file["splits/fold1/validation"]


def missing_leakage(file, path):
    del file["splits/fold1"].attrs["leakage"]


def leakage_text(file, path):
    file["splits/fold1"].attrs["leakage"] = "0.5"


def leakage_array(file, path):
    file["splits/fold1"].attrs["leakage"] = np.zeros(7000)


def many_splits(file, path):
    for number in range(1001):
        file.copy("splits/random", f"splits/s{number}")


def split_with_escape_codes(file, path):
    file.move("splits/random", "splits/\x1b[2Jrandom")


def split_that_is_not_text(file, path):
    file.move("splits/random", b"splits/\xff\xfe")


def huge(file, path, name="rows/status", shape=(2**40,), kind=h5py.h5t.STD_U8LE):
    """A dataset of a terabyte, never allocated."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    del file[name]
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(file.id, name.encode(), kind, space, dcpl=properties)


def huge_split(file, path):
    huge(file, path, "splits/random/test", (2**38,), h5py.h5t.STD_I32LE)


def huge_failures(file, path):
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(2**30)
    huge(file, path, "failures/where", (2**10,), kind)


# Beside what the layout asks for.


def soft_link_beside(file, path):
    file["mine"] = h5py.SoftLink("/features")


def external_link_beside(file, path):
    file["features/mine"] = h5py.ExternalLink("/etc/passwd", "/")


def user_defined_link(file, path):
    """A class of links that nobody has registered: HDF5 can hold it all the same."""
    file["mine"] = h5py.ExternalLink("other.h5", "/")
    file.flush()
    data = bytearray(path.read_bytes())
    kind = data.index(b"\x40", data.index(b"\x04mine") - 3)
    file.close()
    data[kind] = 80  # external links are 64, and those of users go on from there
    path.write_bytes(data)


def links_in_a_circle(file, path):
    file["features/round"] = file["/"]
    file["round/again"] = h5py.SoftLink("/round")


def circle_for_a_split(file, path):
    file["splits/round"] = file["/"]


def external_storage_beside(file, path):
    file.create_dataset("mine", (24,), "u1", external=[("/etc/passwd", 0, 24)])


def virtual_dataset_beside(file, path):
    layout = h5py.VirtualLayout((24, 16, 16, 1), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (24, 16, 16, 1))
    file.create_virtual_dataset("rows/mine", layout)


def filter_beside(file, path):
    file.create_dataset("mine", data=np.zeros(2**20), compression="gzip")


def pickled_object(file, path):
    data = np.void(pickle.dumps({"a": print}))
    file["mine"] = data


def objects_beside(file, path):
    file.create_dataset("mine", data=["text"], dtype=h5py.string_dtype())


def compound_beside(file, path):
    file["mine"] = np.zeros(24, [("a", "u1"), ("b", "f8")])


def committed_type_beside(file, path):
    file["mine"] = np.dtype("i4")


def committed_type(file, path):
    file["type"] = np.dtype("u1")
    data = file["rows/status"][:]
    del file["rows/status"]
    file["rows"].create_dataset("status", data=data, dtype=file["type"])
    del file["type"]


def many_objects(file, path):
    for number in range(10_000):
        file.create_group(f"mine/{number}")


def deep_groups(file, path):
    group = file.create_group("mine")
    for _ in range(10_000):
        group = group.create_group("g")


def long_texts(file, path):
    replace(file, "clips/path", np.zeros(24, "S60001"))


# Attributes of features.


def scale_that_is_no_number(file, path):
    file["features/mel"].attrs["scale"] = np.nan


def scale_without_end(file, path):
    file["features/stft"].attrs["scale"] = np.inf


def scale_of_another_spec(file, path):
    file["features/mel"].attrs["scale"] = 0.25


def offset_that_is_no_number(file, path):
    file["features/mel"].attrs["offset"] = np.nan


def scale_text(file, path):
    file["features/mel"].attrs["scale"] = "0.5"


def missing_offset(file, path):
    del file["features/stft"].attrs["offset"]


def scale_array(file, path):
    file["features/mel"].attrs.create("scale", np.zeros(7000))


STRUCTURES = [
    soft_link_beside,
    external_link_beside,
    user_defined_link,
    links_in_a_circle,
    circle_for_a_split,
    external_storage_beside,
    virtual_dataset_beside,
    filter_beside,
    pickled_object,
    objects_beside,
    compound_beside,
    committed_type_beside,
    committed_type,
    many_objects,
    deep_groups,
    long_texts,
    scale_that_is_no_number,
    scale_without_end,
    scale_of_another_spec,
    offset_that_is_no_number,
    scale_text,
    missing_offset,
    scale_array,
    soft_link,
    soft_linked_group,
    soft_linked_split,
    dangling_link,
    external_link,
    external_linked_group,
    external_storage,
    virtual_dataset,
    chunked,
    gzipped,
    compact,
    variable_length_text,
    object_references,
    ragged_arrays,
    big_endian,
    compound,
    other_type,
    other_float,
    too_few_rows,
    too_few_axes,
    too_few_texts,
    short_digests,
    scalar,
    nothing_at_all,
    no_rows,
    group_for_dataset,
    dataset_for_group,
    dataset_for_split,
    type_for_group,
    missing_dataset,
    missing_group,
    missing_part,
    missing_leakage,
    leakage_text,
    leakage_array,
    many_splits,
    split_with_escape_codes,
    split_that_is_not_text,
    huge,
    huge_split,
    huge_failures,
]


@pytest.mark.parametrize("damage", STRUCTURES, ids=lambda damage: damage.__name__)
def test_structure(own_store, damage, refusal):
    with h5py.File(own_store, "r+") as file:
        damage(file, own_store)
    assert "is not a valid store: " in refusal(own_store)


@pytest.mark.parametrize("link", ["soft_link", "external_link"])
def test_links_are_named_as_such(own_store, link, refusal):
    with h5py.File(own_store, "r+") as file:
        globals()[link](file, own_store)
    assert "is a link, and links are refused" in refusal(own_store)


@pytest.mark.parametrize(
    "damage", [external_storage, virtual_dataset, chunked, gzipped, compact]
)
def test_storage_is_named_as_such(own_store, damage, refusal):
    with h5py.File(own_store, "r+") as file:
        damage(file, own_store)
    assert "is not stored contiguously in the file itself" in refusal(own_store)


def test_what_is_added_is_ignored(own_store):
    """Other programs may put their own things beside."""
    with h5py.File(own_store, "r+") as file:
        file["features/embedding"] = np.zeros((24, 8), "f4")
        file.attrs["note"] = "mine"
        file["features"].attrs["by"] = np.arange(3)
    assert verify(FeatureStore(own_store)) == []


# What shows only when it is asked for: opening does not read the rows.


@pytest.mark.parametrize("rows", [[3, 3], [4, 3], [0, 5, 5, 5]])
def test_row_numbers_twice_or_in_disorder(own_store, rows):
    """A clip that counts twice would weigh twice."""
    with h5py.File(own_store, "r+") as file:
        replace(file, "splits/random/train", np.array(rows, "<i4"))
    store = FeatureStore(own_store)
    for use in (lambda: store.split("random"), store.summary):
        with pytest.raises(StoreError, match="random does not name its rows once"):
            use()
    assert any("random" in sentence for sentence in verify(store))


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../etc/passwd",
        "audio/../../x.wav",
        "..",
        "C:/x.wav",
        "a\x1b[2Jb.wav",
        "audio/\u202evaw.exe",
        "a\nb.wav",
        "",
    ],
)
def test_paths_that_leave_the_corpus_or_command_a_terminal(own_store, path):
    """They are followed by --audio and --update, and shown."""
    with h5py.File(own_store, "r+") as file:
        names = file["clips/path"][:].astype("S40")
        names[3] = path.encode()
        replace(file, "clips/path", names)
    store = FeatureStore(own_store)
    for use in (store.paths, lambda: verify(store), lambda: store.find("x.wav")):
        with pytest.raises(StoreError, match="clips/path is|leaves the corpus") as told:
            use()
        assert str(told.value).isprintable()


@pytest.mark.parametrize("recording", ["a\x1b[2J", "\u2066a", "\x9b2J"])
def test_recordings_that_command_a_terminal(own_store, recording):
    with h5py.File(own_store, "r+") as file:
        replace(file, "clips/recording", np.array([recording.encode()] * 24))
    with pytest.raises(StoreError, match="clips/recording is"):
        FeatureStore(own_store).recordings()


@pytest.mark.parametrize("row", [24, -1, 2**31 - 1, -(2**31)])
def test_row_numbers_out_of_range(own_store, row):
    with h5py.File(own_store, "r+") as file:
        file["splits/random/train"][0] = row
    store = FeatureStore(own_store)
    with pytest.raises(StoreError, match="split random names rows that do not exist"):
        store.split("random")
    assert store.split("recording").name == "recording"
    assert any("random" in sentence for sentence in verify(store))


def test_texts_that_are_not_utf8(own_store):
    with h5py.File(own_store, "r+") as file:
        for column in ("path", "recording"):
            file[f"clips/{column}"][0] = b"\xff\xfe"
    store = FeatureStore(own_store)
    assert len(store.paths()) == len(store.recordings()) == 24
    assert verify(store)


# Files.


def test_other_data_in_front(own_store, tmp_path, refusal):
    """Such a file may be a program or an archive at the same time."""
    path = tmp_path / "front.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        with h5py.File(own_store) as whole:
            for name in whole:
                whole.copy(name, file)
            for name, value in whole.attrs.items():
                file.attrs.create(name, value, dtype=whole.attrs.get_id(name).dtype)
    assert "other data in front of it" in refusal(path)


@pytest.mark.parametrize("size", [9, 24, 95, 96])
def test_superblock_that_is_cut(own_store, size, refusal):
    own_store.write_bytes(own_store.read_bytes()[:size])
    refusal(own_store)


def test_dense_attributes_beside(own_store):
    """Attributes of megabytes, which nobody asked for, are not read."""
    path = own_store.with_name("dense.h5")
    with h5py.File(path, "w", libver="latest") as file, h5py.File(own_store) as whole:
        for name in whole:
            whole.copy(name, file)
        for name, value in whole.attrs.items():
            file.attrs.create(name, value, dtype=whole.attrs.get_id(name).dtype)
        for number in range(4):
            file.attrs[f"mine{number}"] = np.zeros(10**6)
    assert verify(FeatureStore(path)) == []


def test_missing_file(tmp_path, refusal):
    assert "no such file" in refusal(tmp_path / "no.h5", InputError)


def test_folder(tmp_path, refusal):
    refusal(tmp_path, InputError)


def test_pipe(tmp_path, refusal):
    """Opening it would wait forever."""
    os.mkfifo(tmp_path / "pipe.h5")
    refusal(tmp_path / "pipe.h5", InputError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(own_store, refusal):
    own_store.chmod(0)
    assert "permission denied" in refusal(own_store, InputError)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF", bytes(10_000)])
def test_not_hdf5(tmp_path, content, refusal):
    path = tmp_path / "store.h5"
    path.write_bytes(content)
    assert "It is not an HDF5 file" in refusal(path)


def test_other_hdf5(tmp_path, refusal):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    assert "HDF5 but not an asc store" in refusal(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = np.bytes_(b"other")
    assert "its format is not 'asc-store'" in refusal(path)


@pytest.mark.parametrize("size", [8, 100, 1000, 3000, 10_000, -1])
def test_truncated_file(own_store, size, refusal):
    data = own_store.read_bytes()
    own_store.write_bytes(data[:size])
    assert "damaged" in refusal(own_store)


def test_data_beyond_the_end(own_store, refusal):
    """Whether HDF5 or asc is the first to notice."""
    with h5py.File(own_store, "r") as file:
        place = file["features/mel"].id.get_offset().to_bytes(8, "little")
    data = own_store.read_bytes()
    assert data.count(place) == 1
    for offset in (len(data) - 100, 2**40):
        own_store.write_bytes(data.replace(place, offset.to_bytes(8, "little")))
        assert re.search("beyond the end|invalid dataset size", refusal(own_store))


def test_file_cut_after_it_was_opened(own_store):
    store = FeatureStore(own_store)
    reader = store.row_reader("stft")
    own_store.write_bytes(own_store.read_bytes()[:3000])
    with pytest.raises(StoreError, match="was changed: .*truncated file"):
        store.features("stft")
    with pytest.raises(StoreError, match="was cut off while it was read"):
        reader[np.arange(24)]
    own_store.unlink()
    with pytest.raises(MissingInputError, match="was removed"):
        store.features("stft")


def test_file_replaced_after_it_was_opened(own_store, tiny_store, small_store):
    """Arrays of another store lie at other places. A copy is as good."""
    store = FeatureStore(own_store)
    expected = np.array(store.features("mel"))
    reader = store.row_reader("mel")
    shutil.copy(tiny_store, own_store.with_name("other.h5"))
    os.replace(own_store.with_name("other.h5"), own_store)
    with pytest.raises(StoreError, match="was replaced by another store"):
        store.features("mel")
    np.testing.assert_array_equal(reader[np.arange(24)], expected)
    shutil.copy(small_store, own_store)
    np.testing.assert_array_equal(store.features("mel"), expected)


def test_rows_are_read_in_any_order(own_store):
    store = FeatureStore(own_store)
    reader, data = store.row_reader("mel"), np.array(store.features("mel"))
    for rows in ([], [3], [3, 4, 5], [5, 4, 5, 6, 23, 0], range(24)):
        rows = np.array(rows, np.int64)
        np.testing.assert_array_equal(reader[rows], data[rows])
    assert (len(reader), reader.shape, reader.dtype) == (24, data.shape, data.dtype)


def test_reads_that_fall_short_are_continued(own_store, monkeypatch):
    store = FeatureStore(own_store)
    whole = os.preadv

    def short(descriptor, buffers, offset):
        return whole(descriptor, [buffers[0][:100]], offset)

    monkeypatch.setattr(os, "preadv", short)
    np.testing.assert_array_equal(
        store.row_reader("mel")[np.arange(3)], store.features("mel")[:3]
    )


def test_a_disk_that_fails(own_store, monkeypatch):
    """A memory map would end the process (SIGBUS)."""
    reader = FeatureStore(own_store).row_reader("mel")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(InputError, match="cannot be read: input/output error"):
        reader[np.arange(3)]


# Sizes that a file declares and does not have


def sparse(path, own_store, rows, status):
    """Write a store that declares many rows, nearly all of them holes."""
    with h5py.File(own_store) as old, h5py.File(path, "w") as file:
        for name, value in old.attrs.items():
            file.attrs.create(name, value, dtype=old.attrs.get_id(name).dtype)

        def copy(name, item):
            if not isinstance(item, h5py.Dataset):
                new = file.require_group(name)
            elif name.startswith(("splits/", "failures/")):
                old.copy(name, file.require_group(name.rpartition("/")[0]))
                return
            else:
                shape = (rows, *item.shape[1:])
                new = schema.create_dataset(file, name, shape, item.dtype)
            for key, value in item.attrs.items():
                new.attrs.create(key, value, dtype=item.attrs.get_id(key).dtype)

        old.visititems(copy)
        if status:
            data = np.ones(1 << 20, np.uint8)
            for start in range(0, rows, len(data)):
                file["rows/status"][start : start + len(data)] = data[: rows - start]


@pytest.mark.parametrize("status", [0, 1])
def test_a_hundred_million_rows_that_are_not_there(own_store, tmp_path, status):
    """Each is refused at its first block, in little memory (see the fixture below)."""
    path = tmp_path / "sparse.h5"
    sparse(path, own_store, 100_000_000 if not status else 20_000_000, status)
    if not status:
        with pytest.raises(
            StoreError, match="is complete, but 100,000,000 rows are not"
        ):
            FeatureStore(path)
    else:
        store = FeatureStore(path)
        for use in (store.labels, store.paths, store.recordings, store.summary):
            with pytest.raises(StoreError):
                use()
    path.unlink()


@pytest.mark.parametrize("place", ["splits/random/train", "failures/where"])
def test_more_entries_than_there_can_be(own_store, place, refusal):
    with h5py.File(own_store, "r+") as file:
        kind = file[place].dtype
        del file[place]
        schema.create_dataset(file, place, (10**9,), kind)
    assert "is not a valid store" in refusal(own_store)


@pytest.mark.parametrize("seed", range(8))
def test_random_damage(own_store, seed):
    """Garbage in the structure ends in a store or in an error of asc."""
    rng = random.Random(seed)
    sound = own_store.read_bytes()
    for _ in range(40):
        data = bytearray(sound)
        for _ in range(rng.choice((1, 1, 4, 40))):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 255, rng.randrange(256)))
        own_store.write_bytes(data)
        try:
            store = FeatureStore(own_store, partial=True)
            store.summary()
            verify(store)
        except (StoreError, InputError) as error:
            assert str(own_store) in str(error)


@pytest.fixture(scope="module", autouse=True)
def little_memory():
    """No test of this file may take much, whatever sizes a store claims."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
