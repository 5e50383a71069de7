"""Makes the published sample: `python -m reports.make_sample`, at the top of the repository, writes reports/sample/.

Two packs of the reference simulator: one that keeps its promise, and one with a violation seeded. Journals differ from run to run (canaries are
new in each); reports are functions of the journal, and the tests compare them byte for byte. After a change of the reports alone,
`python -m reports.make_sample --reports-only` makes them again from the journals that are there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from zdr_audit.report import write

SAMPLE = Path(__file__).parent / "sample"
# Name of the pack -> the arguments of its run, and the exit status that it must have.
PACKS: dict[str, tuple[tuple[str, ...], int]] = {
    "compliant": ((), 0),
    "violation": (("--violation", "ret-streamed-prompt-in-trace"), 1),
}
MAX_BYTES = 21_000_000


class SampleError(Exception):
    """A pack that is not fit to be published; the message is one line."""


def zdr_audit(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command line of this checkout."""
    command = [sys.executable, "-c", "from zdr_audit.cli import main; main()", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - our own module


def machine_words(scratch: Path) -> tuple[str, ...]:
    """What a published file must not hold: folders of this machine."""
    folders = (scratch, Path(tempfile.gettempdir()), Path.home(), Path(__file__).parents[1], Path(sys.prefix))
    return tuple(dict.fromkeys(f"{path}/" for folder in folders for path in (folder, folder.resolve()) if len(path.parts) > 1))


def flaws(folder: Path, words: Iterable[str]) -> Iterator[str]:
    """What keeps a pack from being published, one line each. The PDF is compressed, but it says nothing that the other reports do not say."""
    files = sorted(folder.iterdir())
    for path in files:
        content = path.read_bytes()
        for word in words:
            if word.encode() in content:
                yield f"{path.name} names a folder of this machine: {word}"
    size = sum(path.stat().st_size for path in files)
    if size > MAX_BYTES:
        yield f"the pack has {size} bytes, more than {MAX_BYTES}"
    missing = {*write.NAMES, "journal.sqlite", "manifest.json"} - {path.name for path in files}
    if missing:
        yield f"missing: {', '.join(sorted(missing))}"


def make(name: str, scratch: Path, *, reports_only: bool = False) -> None:
    """Make one pack whole, in the scratch folder, then put it in its place. Raises SampleError."""
    arguments, status = PACKS[name]
    folder, home = scratch / name, SAMPLE / name
    if reports_only:
        shutil.copytree(home, folder)
        done = zdr_audit("report", name, cwd=scratch)
        status = 0
    else:
        done = zdr_audit("run", "--target", "simulator", "--depth", "quick", "--report-dir", name, *arguments, cwd=scratch)
    if done.returncode != status:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise SampleError(f"{name}: exit status {done.returncode}, expected {status}: {' '.join(said)}")
    checked = zdr_audit("verify", name, cwd=scratch)
    if checked.returncode:
        raise SampleError(f"{name}: does not verify: {checked.stdout.strip()}")
    for flaw in flaws(folder, machine_words(scratch)):
        raise SampleError(f"{name}: {flaw}")
    if home.exists():
        shutil.rmtree(home)
    home.parent.mkdir(exist_ok=True)
    shutil.copytree(folder, home)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m reports.make_sample", description="Make the published sample of reports.")
    parser.add_argument("--reports-only", action="store_true", help="only make the reports again, from the journals that are there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zdr-audit-sample-") as scratch:
        for name in PACKS:
            try:
                make(name, Path(scratch), reports_only=chosen.reports_only)
            except (SampleError, OSError) as exc:
                sys.stderr.write(f"make_sample: {exc}\n")
                return 1
            sys.stdout.write(f"{SAMPLE / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
