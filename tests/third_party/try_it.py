import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.third_party.servers import *

what, controls = sys.argv[1], sys.argv[2]
with ExitStack() as st:
    tmp = Path(tempfile.mkdtemp(prefix="tgt-"))
    up = st.enter_context(upstream(tmp / "up"))
    make = (
        (lambda h, on: mlflow_gateway(h, up.base_url, usage_tracking=on))
        if what.startswith("mlflow")
        else (lambda h, on: mitmproxy(h, up.base_url, records=on))
    )
    quiet = st.enter_context(make(tmp / "quiet", False))
    keeps = st.enter_context(make(tmp / "keeps", True))
    P = "MLFLOW" if what.startswith("mlflow") else "MITMPROXY"
    for name, subject in (("quiet", quiet), ("keeps", keeps)):
        env = os.environ | {
            f"{P}_URL": subject.base_url,
            f"{P}_HOME": str(subject.home),
            f"{P}_TWIN_URL": keeps.base_url,
            f"{P}_TWIN_HOME": str(keeps.home),
        }
        r = subprocess.run(
            [
                ".venv/bin/zdr-audit",
                "run",
                "--target",
                what,
                "--depth",
                "quick",
                "--controls",
                controls,
                "--report-dir",
                str(tmp / f"report-{name}"),
            ],
            env=env,
            capture_output=True,
            text=True,
        )
        print(name, "exit", r.returncode, r.stderr[-300:])
        rep = json.load(open(tmp / f"report-{name}/report.json"))
        for c in rep["controls"]:
            if c["reason"] != "not selected for this run":
                print(c["id"], c["verdict"], c["reason"][:400])
            if c["verdict"] == "fail":
                print(
                    "    ",
                    sorted(
                        {
                            (f["source"], f["object"], f["location"].split(", ")[-1] if f["source"].endswith("database") else f["location"])
                            for f in c["findings"]
                        }
                    )[:12],
                )
    print(tmp)
    os.system(f"ls -la {tmp}/quiet {tmp}/quiet/*; tail -3 {tmp}/quiet/log/printed.txt")
