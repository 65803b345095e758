"""HTML from elements: what is text stays text, by construction.

Names of scenes, clips and runs come from strangers' files. There is no way to put
ready-made markup into a page: children are elements or text, text is escaped when
the page is written, and attributes that could run or fetch something are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Union

Child = Union["Element", str, int, float, None, Iterable["Child"]]

_VOID = {"br", "img", "meta"}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*(-[a-z0-9]+)*")
_REFUSED_TAGS = {"base", "embed", "iframe", "link", "object", "script", "style"}
#: The only places a page refers to: its own sections, and pictures in itself.
_REFERENCE = re.compile(r"#[a-z][a-z0-9-]*|data:image/png;base64,[A-Za-z0-9+/=]*")
#: Control characters, lone surrogates, and the marks that turn the direction of
#: text, with which a name could pass for another.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)
#: Nothing may be fetched, run or sent; styles and pictures are in the page.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
#: How a report is known as one, near the beginning of the file.
GENERATOR = "asc report"


class Element:
    """An element with its attributes and children; `tag` makes it.

    Raises
    ------
    ValueError
        If it could fetch or run something.
    """

    __slots__ = ("attributes", "children", "name")

    def __init__(
        self, name: str, attributes: dict[str, object], children: tuple[Child, ...]
    ) -> None:
        if not _NAME.fullmatch(name) or name in _REFUSED_TAGS:
            raise ValueError(f"No element of a page: {name!r}")
        for attribute, value in attributes.items():
            if not _NAME.fullmatch(attribute) or attribute.startswith("on"):
                raise ValueError(f"No attribute of a page: {attribute!r}")
            refers = attribute in ("href", "src", "action", "srcset")
            if refers and not _REFERENCE.fullmatch(str(value)):
                raise ValueError(f"A page refers to nothing outside: {value!r:.80}")
        self.name, self.attributes, self.children = name, attributes, children

    def __str__(self) -> str:
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        written = "".join(
            f' {name}="{_escaped(value)}"' for name, value in self.attributes.items()
        )
        yield f"<{self.name}{written}>"
        if self.name not in _VOID:
            for child in self.children:
                yield from _written(child)
            yield f"</{self.name}>"


def tag(name: str, /, *children: Child, **attributes: object) -> Element:
    """Return an element.

    Parameters
    ----------
    name : str
    *children : Element, text, number, None, or any nesting of these
        None is left out.
    **attributes
        Underscores stand for hyphens, and one at the end for nothing
        (``class_``). None and False leave the attribute out, True gives it its
        own name as value.
    """
    given = {
        key.rstrip("_").replace("_", "-"): key if value is True else value
        for key, value in attributes.items()
        if value is not None and value is not False
    }
    return Element(name, given, children)


def document(title: str, style: str, body: Element) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
    style : str
        Style sheet of this package, which is written as it is.
    body : Element
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", **{"http-equiv": "Content-Security-Policy"}, content=_POLICY),
        tag("meta", name="generator", content=GENERATOR),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
    )
    start = str(head).removesuffix("</head>")
    return (
        f'<!doctype html>\n<html lang="en">{start}<style>\n{style}</style></head>\n'
        f"{body}\n</html>\n"
    )


def _written(child: Child) -> Iterator[str]:
    if child is None:
        return
    if isinstance(child, Element):
        yield from child._pieces()
    elif isinstance(child, (str, int, float)):
        yield _escaped(child)
    else:
        for one in child:
            yield from _written(one)


def _escaped(value: object) -> str:
    return escape(_INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", str(value)), quote=True)
