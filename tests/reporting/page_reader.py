"""A reader of pages that accepts no mistake."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Node:
    """An element of a page."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Node | None):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.words: list[str] = []

    def near(self, attribute: str) -> str | None:
        """Return an attribute of the element, or of the nearest one around it."""
        node: Node | None = self
        while node is not None and attribute not in node.attributes:
            node = node.parent
        return None if node is None else node.attributes[attribute]

    @property
    def text(self) -> str:
        """All words in it, with single spaces."""
        return plain_text(" ".join(self.words))

    def number(self, name: str) -> float:
        """The value of a data attribute."""
        return float(self.attributes[f"data-{name}"])

    def numbers(self, *names: str) -> list[float]:
        """The values of data attributes."""
        return [self.number(name) for name in names]


def plain_text(text: str) -> str:
    """Return text with single spaces of the usual kind."""
    return re.sub(r"\s+", " ", text.replace("\u202f", " ")).strip()


class Page(HTMLParser):
    """A page that was read, or a failed test if it is not well-formed."""

    VOID = {"br", "img", "meta"}

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.nodes: list[Node] = []
        self.style = ""
        self._open: list[Node] = []
        assert text.lower().startswith("<!doctype html>")
        self.feed(text)
        self.close()
        assert self._open == [], "elements are not closed"

    def handle_starttag(self, tag: str, attrs: list) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is there twice"
        parent = self._open[-1] if self._open else None
        node = Node(tag, {name: value or "" for name, value in attrs}, parent)
        self.nodes.append(node)
        if tag not in self.VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop().tag == tag, f"{tag} closes nothing"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1].tag == "style":
            self.style += data
        else:
            for node in self._open:
                node.words.append(data)

    @property
    def text(self) -> str:
        """All words, with single spaces."""
        return self.nodes[0].text

    def find(self, tag: str | None = None, **wanted: str) -> list[Node]:
        """Return the elements with these attributes; ``data_x=""`` for any value."""
        names = {name.strip("_").replace("_", "-"): v for name, v in wanted.items()}
        return [
            node
            for node in self.nodes
            if tag in (None, node.tag)
            and all(
                name in node.attributes and value in ("", node.attributes[name])
                for name, value in names.items()
            )
        ]

    def one(self, tag: str | None = None, **wanted: str) -> Node:
        """Return the only element with these attributes."""
        (node,) = self.find(tag, **wanted)
        return node

    def inside(self, anchor: str) -> list[Node]:
        """Return the elements of a section or of an entry."""
        (target,) = self.find(id=anchor)

        def within(node: Node | None) -> bool:
            return node is not None and (node is target or within(node.parent))

        return [node for node in self.nodes if within(node)]

    def values(self, attribute: str) -> list[str]:
        """Every value of an attribute."""
        return [
            n.attributes[attribute] for n in self.nodes if attribute in n.attributes
        ]

    def assert_harmless(self) -> None:
        """Check that nothing is fetched or run, and that every anchor has a target."""
        forbidden = {"script", "iframe", "object", "embed", "link", "base", "form"}
        assert not {node.tag for node in self.nodes} & forbidden
        ids = self.values("id")
        assert len(set(ids)) == len(ids)
        for node in self.nodes:
            for name, value in node.attributes.items():
                assert not name.startswith("on"), name
                if name in ("href", "src", "srcset", "action", "xlink:href"):
                    inside = value.startswith("#") and value[1:] in ids
                    kind = "audio/mpeg" if node.tag == "audio" else "image/png"
                    assert inside or value.startswith(f"data:{kind};base64,")
                if name in ("aria-labelledby", "aria-describedby"):
                    assert value in ids
                if name == "style":
                    assert "url" not in value
        assert "url(" not in self.style and "@import" not in self.style
        policies = self.find("meta", http_equiv="Content-Security-Policy")
        allowed = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        if self.find("audio"):
            allowed += "; media-src data:"
        assert [node.attributes["content"] for node in policies] == [allowed]

    def assert_accuracies_have_their_protocol(self) -> None:
        """Check that no accuracy is shown without its split and leakage."""
        shown = self.find(data_accuracy="")
        assert shown
        for node in shown:
            assert node.near("data-split"), node.text
            leakage = node.near("data-leakage")
            assert leakage == "unknown" or 0 <= float(leakage or "nan") <= 1
