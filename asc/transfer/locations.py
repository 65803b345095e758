"""URLs and paths: what they mean, how they are shown, why they fail."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from asc.errors import InputError, UsageError
from asc.text import printable


class Unreachable(InputError):
    """There is no answer now. A copy may do instead, or another try help."""


def shown(url: str) -> str:
    """Return a URL as it may be printed: no credentials, no query, no controls."""
    return printable(re.sub(r"\?.*", "?...", _bare(url), flags=re.DOTALL))


def without_login(text: str) -> str:
    """Return text without the user names and passwords of URLs in it."""
    return re.sub(r"(://)[^/?#\s]*@", r"\1", text)


def local_path(url: str) -> Path | None:
    """Return the path of a plain path or a ``file://`` URL; None for any other."""
    if "://" not in url:
        return Path(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"{shown(url)} is not a URL.") from None
    if parts.scheme != "file":
        return None
    if parts.netloc not in ("", "localhost"):
        raise UsageError(
            f"{shown(url)} names a host. A file on this machine or on a network disk"
            " is file:///path, or the path alone."
        )
    return Path(unquote(parts.path))


def with_suffix(url: str, suffix: str) -> str:
    """Return the URL or path of the file whose name has a suffix in addition."""
    if "://" not in url:
        return url + suffix
    parts = urlsplit(url)
    return parts._replace(path=parts.path + suffix, fragment="").geturl()


def cache_name(url: str) -> str:
    """Return the name of the copy of a URL: a hash of the URL, and its file name."""
    if (path := local_path(url)) is not None:
        url = str(path.absolute())
    # Without credentials: a name must not help to guess them.
    digest = hashlib.sha256(_bare(url).encode(errors="surrogatepass")).hexdigest()
    return f"{digest[:12]}-{_file_name(url)}"


def reason(error: BaseException) -> str:
    """Return why something failed, in a few words without credentials.

    The words of the operating system are the innermost of a chain of exceptions.
    """
    found = ""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.strerror:
            found = printable(str(link.strerror))
        link = link.__cause__ or link.__context__
    if found:
        return found[0].lower() + found[1:]
    if isinstance(error, FileNotFoundError):
        return "no such file"
    text = printable(without_login(str(error)))
    # The messages of requests contain the whole URL, with its query.
    if type(error).__module__.startswith("requests") or not text:
        return type(error).__name__
    return text[:200].rstrip(". ")


def _bare(url: str) -> str:
    """Return a URL without user name and password, which may have spaces in them."""
    return re.sub(r"(://)[^/?#]*@", r"\1", url)


def _file_name(url: str) -> str:
    """Return the file name in a URL as a name that is harmless on any disk."""
    path = url if local_path(url) else urlsplit(url).path
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", unquote(path).rpartition("/")[2])
    name = name[-80:].lstrip(".-") or "store"
    # A fixed extension distinguishes stores from their records.
    return name if name.endswith(".h5") else name + ".h5"
