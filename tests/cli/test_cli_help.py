"""The help of every command, word for word, in tests/cli/help.

After a change that is meant, write the files anew and look at the difference:

    ZDR_AUDIT_UPDATE_SNAPSHOTS=1 python -m pytest tests/cli/test_cli_help.py
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from zdr_audit import __version__
from zdr_audit.cli import main

HELP = Path(__file__).with_name("help")
UPDATE = os.environ.get("ZDR_AUDIT_UPDATE_SNAPSHOTS") == "1"
CONTEXT = click.Context(main)
COMMANDS = ("", *main.list_commands(CONTEXT))


def file_of(command: str) -> Path:
    return HELP / f"{command or 'zdr-audit'}.txt"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c or "zdr-audit")
def test_the_help_is_as_written_down(zdr_audit, command):
    said = zdr_audit(*command.split(), "--help")
    assert (said.status, said.err) == (0, "")
    if UPDATE:
        HELP.mkdir(exist_ok=True)
        file_of(command).write_text(said.out, encoding="utf-8")
    assert file_of(command).exists(), "write it with ZDR_AUDIT_UPDATE_SNAPSHOTS=1, see the head of this module"
    assert said.out == file_of(command).read_text(encoding="utf-8")


def test_every_help_file_belongs_to_a_command():
    assert {p.name for p in HELP.iterdir()} == {file_of(c).name for c in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c or "zdr-audit")
def test_every_command_and_option_says_what_it_is_for(command):
    found = main.get_command(CONTEXT, command) if command else main
    assert found is not None
    assert found.help
    bare = [p.name for p in found.params if isinstance(p, click.Option) and not p.help]
    assert bare == []


@pytest.mark.parametrize("switch", ["-h", "--help"])
def test_both_switches_give_the_help(zdr_audit, switch):
    assert zdr_audit("run", switch).out == file_of("run").read_text(encoding="utf-8")


def test_without_arguments_the_help_is_shown_as_bad_usage(zdr_audit):
    said = zdr_audit()
    assert said.status == 2
    assert "Usage: zdr-audit [OPTIONS] COMMAND" in said.out + said.err


def test_the_version_is_that_of_the_package(zdr_audit):
    assert zdr_audit("--version").out == f"zdr-audit, version {__version__}\n"
