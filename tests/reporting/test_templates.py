"""Templates of a lab: what they can replace, and what they cannot break."""

from __future__ import annotations

import os

import numpy as np
import pytest
from page_reader import Page
from world import evaluation_of, finish_run, probabilities_of

import asc
from asc.errors import InputError


@pytest.fixture
def bare(tmp_path):
    """An evaluation without its run, of which a page is made quickly."""
    truth = np.arange(8) % 2
    names = [str(clip) for clip in range(8)]
    evaluation = evaluation_of(truth, probabilities_of(truth, 2), names, names, "ab")
    evaluation.save(tmp_path)
    return tmp_path


@pytest.fixture
def write(tmp_path):
    def written(text, name="lab.html"):
        path = tmp_path / "lab" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return written


def test_a_file_extends_the_page(runs, write, read):
    template = write(
        "{% extends 'asc/page.html' %}\n"
        "{% block footer %}<b id='lab'>{{ title }}</b>{{ super() }}{% endblock %}"
    )
    found = read(runs / "leaky", template=template)
    assert found.one("b", id="lab").text == "leaky"
    assert len(found.find("section")) == 9


def test_a_folder_replaces_templates_of_the_same_name(runs, write, read):
    write("{% include 'asc/data.html' %}<b id='lab'>{{ section.key }}</b>", "data.html")
    style = write("{% include 'asc/page.css' %}\n.lab { color: red; }", "page.css")
    found = read(runs / "leaky", template=style.parent)
    assert found.one("b", id="lab").text == "data"
    assert ".lab { color: red; }" in found.style and ".card" in found.style
    assert found.find("tr", data_scene="", data_clips="")


def test_a_page_of_its_own_reads_the_values(runs, write, read):
    template = write(
        "<!doctype html><html><head>{% include 'asc/head.html' %}</head><body>"
        "{% for entry in entries %}"
        "<p data-split='{{ entry.metrics.split }}' data-leakage='{{ entry.leakage }}'"
        " data-accuracy='{{ entry.metrics.accuracy }}'></p>"
        "{% endfor %}</body></html>"
    )
    found = read([runs / "leaky", runs / "disjoint"], template=template)
    shown = {node.attributes["data-split"] for node in found.find("p")}
    assert shown == {"random", "recording"}


def test_values_are_escaped_in_a_lab_template_too(tmp_path, store, write):
    run = tmp_path / "<u>x"
    finish_run(run, store, split="recording")
    template = write(
        "{% extends 'asc/page.html' %}{% block main %}<p id='lab'>{{ title }}</p>"
        "{% endblock %}{% block header %}{% endblock %}"
    )
    target = asc.report(
        run, tmp_path / "report.html", template=template, baseline=False
    )
    found = Page(target.read_text())
    assert found.one("p", id="lab").text == "<u>x" and not found.find("u")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{% extends 'asc/page.html' %}\n\n{% block main %}{{", "line 3"),
        (
            "{% extends 'asc/page.html' %}\n{% block main %}{{ no }}{% endblock %}",
            "line 2",
        ),
        ("{% include 'asc/head.html' %}\n{{ 1 / 0 }}", "line 2"),
        ("\n{% include 'nothing.html' %}", "line 2"),
        ("\n\n{{ entries.nothing }}", "line 3"),
        ("\n{{ ''.__class__.__mro__ }}", "line 2"),
        ("{% extends 'page.html' %}", "asc/"),
        ("<html><head></head></html>", "asc/head.html"),
        ("{% include 'asc/../page.py' %}", "line 1"),
        ("{% include '/etc/hostname' %}", "line 1"),
    ],
)
def test_an_error_names_file_and_line(text, words, bare, write, tmp_path):
    template = write(text)
    with pytest.raises(InputError) as caught:
        asc.report(bare, tmp_path / "report.html", template=template, baseline=False)
    message = str(caught.value)
    assert words in message and str(template) in message and "\n" not in message
    assert not (tmp_path / "report.html").exists()


def test_an_error_in_a_folder_names_its_file(bare, write, tmp_path):
    template = write("\n\n\n{{ nothing }}", "data.html")
    with pytest.raises(InputError, match="data.html, line 4") as caught:
        asc.report(bare, tmp_path / "r.html", template=template.parent, baseline=False)
    assert str(template) in str(caught.value)


def test_a_template_that_is_not_there_or_not_text(bare, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.html"):
        asc.report(
            bare, tmp_path / "r.html", template=tmp_path / "none.html", baseline=False
        )
    (tmp_path / "binary.html").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="binary.html"):
        asc.report(
            bare, tmp_path / "r.html", template=tmp_path / "binary.html", baseline=False
        )


def test_only_regular_files_are_templates(bare, write, tmp_path):
    pipe = tmp_path / "pipe.html"
    os.mkfifo(pipe)
    large = tmp_path / "large.html"
    with open(large, "wb") as file:  # sparse
        file.truncate(10**10)
    for template, words in (
        (pipe, "pipe.html is not a regular file"),
        ("/dev/zero", "/dev/zero is not a regular file"),
        (large, "large.html is too large"),
    ):
        with pytest.raises(InputError, match=words):
            asc.report(bare, tmp_path / "r.html", template=template, baseline=False)
    (tmp_path / "private").write_text("PRIVATE")
    folder = write("{{ 1 }}", "lab.html").parent
    (folder / "data.html").symlink_to(tmp_path / "private")
    with pytest.raises(InputError, match="data.html cannot be read: it is a symbolic"):
        asc.report(bare, tmp_path / "r.html", template=folder, baseline=False)
