"""Settings of Sphinx. ``bin/docs`` builds the pages into ``build/docs``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import asc  # noqa: E402
from asc.cli.commands import PROGRAMS  # noqa: E402

project, author, release = "asc", "The asc developers", asc.__version__
html_title = "asc"
html_theme = "furo"
html_show_copyright = html_copy_source = False
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb"]
exclude_patterns = ["images"]
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False  # types are words, not links
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have the types
add_module_names = False
# The notebook trains a small model, so that the page shows what it prints.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_output_stderr = "remove"  # progress bars


class CommandHelp(SphinxDirective):
    """What ``--help`` of every command prints, a section each."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command."""
        return [
            self._section(name, command, parent)
            for name, command, parent in _commands("asc", PROGRAMS["asc"], None)
        ]

    def _section(
        self, name: str, command: click.Command, parent: click.Context | None
    ) -> nodes.section:
        context = click.Context(
            command,
            parent,
            info_name=name.split()[-1],
            terminal_width=88,
            max_content_width=88,
            help_option_names=["-h", "--help"],
        )
        section = nodes.section(ids=[nodes.make_id(name)])
        section += nodes.title(text=name)
        section += nodes.literal_block(text=command.get_help(context), language="text")
        self.state.document.note_explicit_target(section)
        return section


def _commands(name: str, command: click.Command, parent: click.Context | None):
    """Yield the name, the command and the context above it, of all below one."""
    yield name, command, parent
    if isinstance(command, click.Group):
        context = click.Context(command, parent, info_name=name.split()[-1])
        for child in command.list_commands(context):
            yield from _commands(f"{name} {child}", command.commands[child], context)


def setup(app) -> None:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
