"""TUT Acoustic Scenes 2017 as published on Zenodo: files, sizes and checksums.

The tables are those of ``dcase_util.datasets.tut``. Three packages of the evaluation
set (doc, meta, audio.1) were published again, with new checksums; the sizes there seem
to be the old ones. So the checksum decides, and sizes are for progress, disk space and
limits.
"""

from __future__ import annotations

from dataclasses import dataclass

from asc.validation import check_choice

_CLIP_BYTES = 44 + 6 * 441_000  # of a WAV file: 10 s, 44.1 kHz, 24 bits, stereo


@dataclass(frozen=True)
class Package:
    """One archive of a data set: file name, bytes and MD5 checksum."""

    name: str
    size: int
    md5: str


@dataclass(frozen=True)
class DataSet:
    """A corpus that can be downloaded."""

    record: str  # page of the record, where the licence is; files are below /files
    folder: str  # top folder inside the archives, which is left out
    clips: int  # that the metadata must have
    unpacked: int  # bytes of all unpacked files, roughly
    packages: tuple[Package, ...]

    @property
    def size(self) -> int:
        """Bytes of all packages."""
        return sum(package.size for package in self.packages)


def _tut2017(record: int, part: str, clips: int, table: str) -> DataSet:
    folder = f"TUT-acoustic-scenes-2017-{part}"
    packages = []
    for line in table.split("\n"):
        kind, size, md5 = line.split()
        packages.append(Package(f"{folder}.{kind}.zip", int(size), md5))
    page = f"https://zenodo.org/records/{record}"
    return DataSet(page, folder, clips, clips * _CLIP_BYTES, tuple(packages))


#: What `download_corpus` knows, by name.
DATA_SETS = {
    "tut2017-development": _tut2017(
        *(400515, "development", 4680),
        """doc 54796 2065495aaf3f1103e795c9899e2af1df
        meta 104321 9007fd4772d816590c5db5f5e9568f5d
        error 1432 802c700b021769e52a2c1e3b9c117a1b
        audio.1 1071445248 251325a9afaaad0326ad1c57f57d514a
        audio.2 1073453613 c26861e05147dc319b4250eb103d9d99
        audio.3 1073077819 a4815775f8a5e629179726ee4cd4f55a
        audio.4 1072822038 1732b03afe8c53ef8bba80ba14766e57
        audio.5 1072644652 611be754a0c951185c6ae4b7643c19a0
        audio.6 1072667888 165a201db800d3ea76fce5a9c2bd97d7
        audio.7 1073417661 c7d79db84264401c0f8680dcc36013ad
        audio.8 1072381222 35043f25123439392338c790494c7a19
        audio.9 1072087738 0805dcf5d8e6871dc9610182b2efb93a
        audio.10 1046262120 5df83a191295a04e290b125c634e13e7""",
    ),
    "tut2017-evaluation": _tut2017(
        *(1040168, "evaluation", 1620),
        """doc 53687 53709a07416ea3b617c02fcf67dbeb9c
        meta 4473 200eee9493e8044403e1326e3d05cfde
        audio.1 1071856687 3d6dda4445871e9544e0fefe7d14c7d9
        audio.2 1073362972 4085ef5fa286f2169074993a4e405953
        audio.3 1071521152 cac432579e7cf2dff0aec7aaed248956
        audio.4 382756463 664bf09c3d24bd26c6b587f1d709de36""",
    ),
}


def data_set(name: str) -> DataSet:
    """Return the description of a data set, or raise UsageError."""
    return DATA_SETS[check_choice("data set", name, tuple(DATA_SETS))]
