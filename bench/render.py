"""How long judging a large journal and rendering every report format takes, and how much memory. Run: `python -m bench.render`.

The budget is 20 s and 500 MiB on two cores, for 10,000 canaries and all controls of the catalogue. Exit status 1 where it is broken.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import journal
from zdr_audit.attest import remake
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.report import write

SECONDS, MEBIBYTES = 20.0, 500.0
CANARIES = 10_000
ROWS_SHOWN = 25


def _measure(path: Path, profiled: bool) -> None:
    """In a process of its own, so that its peak is that of judging and rendering alone. Prints one JSON line."""
    profile = cProfile.Profile()
    if profiled:
        profile.enable()
    started = time.perf_counter()
    report = remake.rejudge(path, load_catalogue())
    judged = time.perf_counter()
    files = write.render_all(report)
    ended = time.perf_counter()
    profile.disable()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    if profiled:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(ROWS_SHOWN)
    said = {
        "controls": len(report.controls),
        "status": report.summary.status,
        "judge": judged - started,
        "render": ended - judged,
        "peak": peak,
        "files": {name: len(content) for name, content in files.items()},
    }
    sys.stdout.write(json.dumps(said) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.render", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--canaries", type=int, default=CANARIES, help="default: %(default)s")
    parser.add_argument("--profile", action="store_true", help="also print where the time goes (and be slower)")
    parser.add_argument("--measure", type=Path, metavar="JOURNAL", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        _measure(chosen.measure, chosen.profile)
        return 0
    with tempfile.TemporaryDirectory(prefix="zdr-audit-bench-") as scratch:
        path = Path(scratch) / "journal.sqlite"
        journal.write(path, load_catalogue(), chosen.canaries)
        size = path.stat().st_size
        command = [sys.executable, "-m", "bench.render", "--measure", str(path), *(["--profile"] if chosen.profile else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - this module
    said = json.loads(done.stdout)
    seconds = said["judge"] + said["render"]
    lines = [
        f"{said['controls']} controls, {chosen.canaries} canaries, a journal of {size / 2**20:.1f} MiB, {said['status']}",
        *(f"  {name:32} {length:>12,} bytes" for name, length in said["files"].items()),
        *(f"missing here: {name} (extra {extra})" for name, extra in write.missing_formats().items()),
        f"judged in {said['judge']:.1f} s, rendered in {said['render']:.1f} s: {seconds:.1f} s of {SECONDS:.0f} s",
        f"peak memory {said['peak']:.0f} MiB of {MEBIBYTES:.0f} MiB",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(seconds > SECONDS or said["peak"] > MEBIBYTES or bool(write.missing_formats()))


if __name__ == "__main__":
    sys.exit(main())
