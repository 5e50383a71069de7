"""Three nodes over one PostgreSQL, killed one by one and all at once while administrators work on all: what was acknowledged is known to the others."""

from __future__ import annotations

import os
import secrets

import pytest
from kill_nodes import Cluster, kill_nodes

from zdr_audit.run.servers import postgres_server

pytest.importorskip("psycopg")
KILLS = int(os.environ.get("ZDR_AUDIT_KILLS", "10"))


def test_nothing_acknowledged_is_lost_on_three_nodes_and_nothing_is_logged_that_did_not_happen(server_folder, tmp_path):
    folder = server_folder / "kills-nodes"
    folder.mkdir()
    folder.chmod(0o755)
    with postgres_server(folder) as postgres:
        environment = {
            "ZDR_SIM_DATABASE_URL": postgres.dsn().replace("postgresql://", "postgresql+psycopg://"),
            "ZDR_SIM_CLUSTER_SECRET": secrets.token_hex(32),
        }
        with Cluster(["--data-dir", str(tmp_path / "data")], environment, seed=3) as cluster:
            counted = kill_nodes(cluster, KILLS)
    print(counted)
    assert sum(counted[moment] for moment in ("before", "after", "outside", "all at once")) == KILLS
    assert counted["acknowledged"] > KILLS
    assert counted["unanswered and done"] > 0, "no node ended between effect and answer"
    assert counted["unanswered and not done"] > 0, "no node ended before the effect"
