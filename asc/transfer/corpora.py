"""Downloads TUT Acoustic Scenes 2017 from Zenodo: resumable, checked, unpacked.

One package after the other is downloaded, compared with its known MD5 checksum,
unpacked and deleted. Unfinished work is kept in ``DIR/.download``, so a call resumes
where the last one stopped; packages that have lost a file since are downloaded again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from asc.corpus.reader import open_corpus
from asc.disk import check_free_space, writing_to
from asc.errors import InputError, SettingsMismatch, UsageError
from asc.files import fsync_and_rename, write_text
from asc.locking import locked
from asc.text import counted
from asc.transfer.archives import unpack
from asc.transfer.download import download, remove_with_record
from asc.transfer.sources import HttpFile
from asc.transfer.zenodo import DataSet, Package, data_set

#: Folder of the state inside the corpus folder, and its file that names the data set.
STATE, OWNER = ".download", "data-set"


def download_corpus(
    name: str,
    root: str | os.PathLike[str],
    *,
    keep: bool = False,
    base_url: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Download a data set, unpack it and check it; the same call resumes.

    Parameters
    ----------
    name : str
        ``tut2017-development`` or ``tut2017-evaluation``. Their licence, which is on
        the page of the record, allows non-commercial use.
    root : path
        Becomes the corpus folder: new, empty, or of an earlier call.
    keep : bool
        Keep the archives, in ``root/.download``.
    base_url : str, optional
        Another address of the same files.
    progress : callable(done, total), optional
        Called with bytes.

    Returns
    -------
    root : Path

    Raises
    ------
    UsageError, SettingsMismatch, Busy
        If the name does not exist; if `root` holds anything else, which is not
        touched; if another process is downloading to it.
    InputError
        If there is no connection, or the content is not what was expected.
    AscError
        If the disk is too small, or writing fails.
    """
    data, root = data_set(name), Path(root)
    show = progress or (lambda done, total: None)
    advice = "Fix the problem and rerun the same command; completed files are kept."
    with writing_to(root, advice):
        _check_folder(root, name)
        missing = [one for one in data.packages if not _is_unpacked(root, one)]
        _check_space(root, data, missing, keep)
        with _locked(root, name):
            done = data.size - sum(package.size for package in missing)
            show(done, data.size)
            for package in missing:

                def count(
                    size: int, done: int = done, most: int = package.size
                ) -> None:
                    show(done + min(size, most), data.size)

                _install(package, data, root, base_url, keep, count)
                done += package.size
                show(done, data.size)
    _check_corpus(root, data)
    return root


def _install(
    package: Package,
    data: DataSet,
    root: Path,
    base_url: str | None,
    keep: bool,
    show: Callable[[int], None],
) -> None:
    """Download, verify and unpack one package, and write its marker."""
    url = f"{(base_url or data.record + '/files').rstrip('/')}/{package.name}"
    archive, part = _state(root, package), _state(root, package, ".part")
    if not archive.exists():
        download(
            HttpFile(url),
            part,
            verified=True,
            most=2 * package.size + 2**20,
            progress=lambda done, total: show(done),
        )
        with open(part, "rb") as file:
            digest = hashlib.file_digest(
                file, lambda: hashlib.md5(usedforsecurity=False)
            )
        md5 = digest.hexdigest()
        if md5 != package.md5:
            remove_with_record(part)
            raise InputError(
                f"The MD5 checksum of {HttpFile(url)} is wrong. Got {md5}, expected"
                f" {package.md5}. The download was deleted; rerun, and if that does not"
                " help, the file on the server is another one."
            )
        fsync_and_rename(part, archive)
        remove_with_record(part)
    # The limits are far above real sizes, and below what would do harm.
    paths = unpack(archive, root, data.folder, 20 * package.size + 2**24)
    write_text(_state(root, package, ".unpacked"), "\n".join([package.md5, *paths]))
    if not keep:
        archive.unlink()


def _state(root: Path, package: Package, suffix: str = "") -> Path:
    """Return the path of an archive, or of its ``.part`` or ``.unpacked`` marker."""
    return root / STATE / f"{package.name}{suffix}"


def _is_unpacked(root: Path, package: Package) -> bool:
    """Return True if the marker is there, and every file that it lists."""
    try:
        marker = _state(root, package, ".unpacked").read_text("utf-8", "replace")
    except OSError:
        return False
    md5, *paths = marker.split("\n")
    return md5 == package.md5 and all((root / path).is_file() for path in paths)


def _check_folder(root: Path, name: str) -> None:
    """Raise an error unless the folder is free, or was begun for this data set."""
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file. Use a new or empty folder.")
    owner = root / STATE / OWNER
    begun = owner.read_text("utf-8", "replace").strip() if owner.exists() else ""
    others = root.is_dir() and any(one.name != STATE for one in root.iterdir())
    if (begun or others) and begun != name:
        raise SettingsMismatch(
            f"{root} is not a download of {name}. Got {begun or 'other files'}. Nothing"
            " was touched; use a new or empty folder."
        )


def _check_space(root: Path, data: DataSet, missing: list[Package], keep: bool) -> None:
    if not missing:
        return
    sizes = [package.size for package in missing]
    there = [_state(root, one, suffix) for one in missing for suffix in ("", ".part")]
    needed = data.unpacked * sum(sizes) // data.size
    needed += sum(sizes) if keep else max(sizes)
    needed -= sum(path.stat().st_size for path in there if path.exists())
    check_free_space(root, needed)


@contextmanager
def _locked(root: Path, name: str) -> Iterator[None]:
    """Mark the folder, and keep other processes out during the block."""
    (root / STATE).mkdir(parents=True, exist_ok=True)
    with locked(root, lock_path=root / STATE / "lock"):
        owner = root / STATE / OWNER
        if not owner.exists() or not owner.stat().st_size:
            write_text(owner, name)
        yield


def _check_corpus(root: Path, data: DataSet) -> None:
    corpus = open_corpus(root, "tut")
    lost = [one.path for one in corpus.clips if not (root / one.path).is_file()]
    if len(corpus.clips) != data.clips:
        problem = f"{counted(len(corpus.clips), 'clip', 'clips')} in its metadata"
    elif lost:
        problem = (
            f"no audio for {counted(len(lost), 'clip', 'clips')}, such as {lost[0]}"
        )
    else:
        return
    raise InputError(
        f"The download in {root} is not complete. Got {problem}, expected"
        f" {data.clips:,} clips with audio. Delete {root / STATE} and the rest of the"
        " folder, and rerun."
    )
