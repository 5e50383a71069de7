"""The same kills as in tests/simulator/test_simulator_kills.py, of a node over PostgreSQL: its transactions end with it, and so does its place as writer."""

from __future__ import annotations

import os

import pytest
from kill_rounds import Mortal, kill_rounds

from zdr_audit.run.servers import postgres_server

pytest.importorskip("psycopg")
KILLS = int(os.environ.get("ZDR_AUDIT_KILLS", "6"))


def test_nothing_acknowledged_is_lost_and_nothing_is_logged_that_did_not_happen(server_folder, tmp_path):
    folder = server_folder / "kills"
    folder.mkdir()
    folder.chmod(0o755)
    with postgres_server(folder) as postgres:
        url = {"ZDR_SIM_DATABASE_URL": postgres.dsn().replace("postgresql://", "postgresql+psycopg://")}
        with Mortal(["--data-dir", str(tmp_path / "data")], url) as mortal:
            counted = kill_rounds(mortal, KILLS, seed=2)
    assert sum(counted[moment] for moment in ("before", "after", "outside")) == KILLS
    assert counted["acknowledged"] > KILLS
    assert counted["unanswered and done"] > 0, "no life ended between effect and answer"
    assert counted["unanswered and not done"] > 0, "no life ended before the effect"
