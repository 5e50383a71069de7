"""What a command prints is evidence: both outputs are searched as they come, and a command that fails is never a clean source."""

from __future__ import annotations

import gzip
import os
import re
import sys
import threading
from pathlib import Path

import pytest

from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence.command import Command, command_size, read_command
from zdr_audit.evidence.size import SizeError

PATIENT = 120.0


def python(text: str, *words: str, **bounds) -> Command:
    return Command((sys.executable, "-c", text, *words), **({"seconds": PATIENT} | bounds))


def test_both_outputs_are_searched_in_all_forms(lab, tmp_path):
    (tmp_path / "log.gz").write_bytes(gzip.compress(f"prompt {lab.canary('packed')}".encode()))
    text = "import sys, pathlib; sys.stdout.buffer.write(pathlib.Path(sys.argv[1]).read_bytes()); print(sys.argv[2], file=sys.stderr)"
    reading = read_command("log", python(text, str(tmp_path / "log.gz"), lab.canary("said")), lab.seeker)
    program = Path(sys.executable).name
    assert (reading.error, reading.kind, reading.objects, reading.not_examined) == (None, "command", 2, ())
    assert {hit.canary: (hit.object, hit.location, hit.forms) for hit in reading.hits} == {
        "packed": (f"standard output of {program}", reading.hits[0].location, ("gzip", "plain")),
        "said": (f"standard error of {program}", "bytes 0-32", ("plain",)),
    }


@pytest.mark.parametrize("stream", ["output", "error"])
def test_what_could_not_be_decoded_is_listed_by_output(lab, tmp_path, stream):
    (tmp_path / "log.gz").write_bytes(gzip.compress(bytes(range(256)) * 50)[:-30])
    text = f"import sys, pathlib; sys.std{stream[:3]}.buffer.write(pathlib.Path(sys.argv[1]).read_bytes())"
    (note,) = read_command("log", python(text, str(tmp_path / "log.gz")), lab.seeker).not_examined
    assert note.object == f"standard {stream} of {Path(sys.executable).name}"
    assert "decoded only in part" in note.reason


def test_without_canaries_there_is_no_hit_and_a_silent_command_is_an_empty_source(lab):
    assert read_command("log", python("print('nothing of interest')"), lab.seeker).hits == ()
    silent = read_command("log", python(""), lab.seeker)
    assert (silent.error, silent.objects, silent.bytes) == (None, 0, 0)


def test_much_output_on_both_sides_is_read_to_its_end_piece_by_piece(lab):
    """More than any pipe holds, on both at once: who reads one after the other stands still for ever."""
    text = "import sys\nfor _ in range(200): sys.stderr.write('e' * 10000); sys.stdout.write('o' * 10000)\nprint(sys.argv[1])"
    told: list[tuple[int, int]] = []
    reading = read_command("log", python(text, lab.canary("last")), lab.seeker, lambda n: told.append((n, threading.get_ident())))
    assert (reading.error, [(hit.canary, hit.location) for hit in reading.hits]) == (None, [("last", "bytes 2000000-2000032")])
    assert reading.bytes == sum(n for n, _ in told) == 4_000_033
    assert {thread for _, thread in told} == {threading.get_ident()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "import sys; print(sys.argv[1]); print('first\\n\\nno such\\tpod\\n', file=sys.stderr); sys.exit(3)",
            "ended with status 3: no such pod",
        ),
        ("import sys; print(sys.argv[1]); sys.exit(1)", "ended with status 1"),
        ("import sys, os; print(sys.argv[1], flush=True); os.kill(os.getpid(), 9)", "was ended by signal 9"),
        ("import sys, os; print(sys.argv[1], flush=True); os.kill(os.getpid(), 15)", "was ended by signal 15"),
        ("import sys; print(sys.argv[1], flush=True); sys.exit('x' * 5000)", f"ended with status 1: {'x' * 200}"),
    ],
)
def test_a_command_that_fails_says_how_and_what_it_printed_still_counts(lab, text, words):
    reading = read_command("log", python(text, lab.canary("seen")), lab.seeker)
    assert reading.error == f"{Path(sys.executable).name} {words}"
    assert [hit.canary for hit in reading.hits] == ["seen"]


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(lab, tmp_path):
    """The child would write its file if it lived on: it is waited for by the pipe that it holds."""
    child = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); print('up', flush=True); time.sleep(600)"
    text = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}, sys.argv[1]]); time.sleep(600)"
    reading = read_command("log", python(text, str(tmp_path / "pid"), seconds=5), lab.seeker)
    assert reading.error == f"{Path(sys.executable).name} took longer than 5 s"
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        for _ in range(200):
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
                raise ProcessLookupError
            threading.Event().wait(0.05)


def test_a_command_that_closes_its_outputs_and_stays_is_ended_too(lab):
    reading = read_command("log", python("import os, time; os.close(1); os.close(2); time.sleep(600)", seconds=2), lab.seeker)
    assert reading.error == f"{Path(sys.executable).name} took longer than 2 s"


def test_a_command_that_is_never_silent_is_ended_when_its_time_is_over(lab):
    text = "import sys, time\nwhile True: print(sys.argv[1], flush=True); time.sleep(0.02)"
    reading = read_command("log", python(text, lab.canary("seen"), seconds=2), lab.seeker)
    assert reading.error == f"{Path(sys.executable).name} took longer than 2 s"
    assert {hit.canary for hit in reading.hits} == {"seen"}


def test_of_a_line_without_end_the_last_4096_bytes_are_kept(lab):
    said = "".join(f"{number}." for number in range(2000))
    reading = read_command("log", python(f"import sys; sys.stderr.write({said!r}); sys.exit(4)"), lab.seeker)
    assert reading.error == f"{Path(sys.executable).name} ended with status 4: {said[-4096:][:200]}"


def test_the_bounds_are_those_of_the_documentation():
    told = (Path(__file__).parents[2] / "docs" / "profile.md").read_text()
    (seconds,) = re.findall(r"^timeout_seconds = \d+ +# default (\d+)$", told, re.MULTILINE)
    (gib,) = re.findall(r"^max_bytes = \d+[_\d]* +# of each output; default (\d+) GiB$", told, re.MULTILINE)
    assert (Command(("log",)).seconds, Command(("log",)).max_bytes) == (int(seconds), int(gib) << 30)


def test_a_command_that_never_stops_printing_is_bounded_and_unread(lab):
    reading = read_command("log", python("import sys\nwhile True: print(sys.argv[1])", lab.canary("seen"), max_bytes=50_000), lab.seeker)
    assert reading.error == f"{Path(sys.executable).name} printed more than 50000 bytes on its standard output: the rest was not read"
    assert reading.bytes == 50_000
    assert "seen" in {hit.canary for hit in reading.hits}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("no-such-program-anywhere",), "No such file or directory"),
        (("/bin/",), "Permission denied"),
        (("echo", "a\0b"), "embedded null byte"),
    ],
)
def test_a_command_that_cannot_be_run_is_an_error_of_the_reading(lab, words, why):
    reading = read_command("log", Command(words), lab.seeker)
    assert reading.error == f"{Path(words[0]).name} cannot be run: {why}"


def test_no_shell_reads_the_words(lab, tmp_path):
    word = f"$(touch {tmp_path / 'made'}); `touch {tmp_path / 'made'}` | > x"
    reading = read_command("log", python("import sys; print(sys.argv[1])", word), lab.seeker)
    assert (reading.error, reading.bytes) == (None, len(word) + 1)
    assert not (tmp_path / "made").exists()


def test_its_size_is_what_it_prints_or_what_its_size_command_says(tmp_path):
    assert command_size(python("import sys; print('abc'); print('de', file=sys.stderr)")) == 7
    told = (sys.executable, "-c", "print('4711 /var/log')")
    assert command_size(python("print('abc')", size=told)) == 4711
    late = (sys.executable, "-c", "import sys; print('error', file=sys.stderr); print('  0815', '/var', 'x' * 300_000)")
    assert command_size(python("", size=late)) == 815


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (python("import sys; print(3); sys.exit(2)"), "ended with status 2$"),
        (python("", size=(sys.executable, "-c", "print('much')")), "printed no number of bytes"),
        (python("", size=(sys.executable, "-c", "")), "printed no number of bytes"),
        (python("", size=("no-such-program-anywhere",)), "cannot be run"),
    ],
)
def test_what_cannot_be_measured_is_said(command, words):
    with pytest.raises(SizeError, match=words):
        command_size(command)


def test_what_comes_is_searched_in_pieces_of_some_size_and_told_in_full(lab):
    class Spy(Seeker):
        def search(self, data, on_note=None):
            pieces = list(data)
            sizes.append([len(piece) for piece in pieces])
            yield from super().search(iter(pieces), on_note)

    sizes: list[list[int]] = []
    seeker = Spy.__new__(Spy)
    seeker.__dict__.update(lab.seeker.__dict__)
    text = "import sys\nfor _ in range(100): sys.stdout.buffer.write(b'x' * 9999); sys.stdout.flush()\nsys.stdout.write(sys.argv[1])"
    reading = read_command("log", python(text, lab.canary("last")), seeker)
    assert [hit.location for hit in reading.hits] == ["bytes 999900-999932"]
    (out,) = [found for found in sizes if found]
    assert sum(out) == 999_932
    assert len(out) == 2
    assert 512 * 1024 <= out[0] < 2 * 512 * 1024


@pytest.mark.parametrize(("room", "stopped"), [(32, False), (31, True)])
def test_output_up_to_the_bound_is_no_problem(lab, room, stopped):
    reading = read_command("log", python("import sys; sys.stdout.write(sys.argv[1])", lab.canary("all"), max_bytes=room), lab.seeker)
    assert (reading.bytes, bool(reading.error)) == (room, stopped)


def test_the_last_line_of_what_a_command_says_is_found_behind_however_much(lab):
    text = "import sys; sys.stderr.write('e\\n' * 50_000 + 'x' * 4090 + ' y' * 200 + '\\n\\n'); sys.exit(4)"
    assert read_command("log", python(text), lab.seeker).error == f"{Path(sys.executable).name} ended with status 4: {'x' * 200}"


def test_a_reader_that_fails_ends_the_command_and_is_heard(lab):
    class Broken(Seeker):
        def search(self, data, on_note=None):
            for piece in data:
                if marker in piece:
                    raise KeyError("broken")
            yield from ()

    seeker = Broken.__new__(Broken)
    seeker.__dict__.update(lab.seeker.__dict__)
    for marker, stream in ((b"out", "stdout"), (b"err", "stderr")):
        text = f"import sys, time; print('{marker.decode()}' * 200_000, file=sys.{stream}, flush=True); time.sleep(600)"
        with pytest.raises(KeyError, match="broken"):
            read_command("log", python(text), seeker)
