"""Names of a profile that lead nowhere are pointed out; those that lead somewhere are not."""

from __future__ import annotations

import pytest
from engine_profiles import small

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.profile.load import load, shipped
from zdr_audit.run.strange_names import strange

VARIABLES = {"ZDR_SIM_POSTGRES_DSN": "postgresql://nobody@127.0.0.1/none"}


@pytest.mark.parametrize("name", shipped())
def test_nothing_is_odd_about_a_shipped_profile(name):
    assert list(strange(load(name, VARIABLES).profile, load_catalogue())) == []


def test_each_name_that_leads_nowhere_is_told_with_what_comes_close(tmp_path):
    base = small(tmp_path).profile
    inference = base.operations["messages.create"]
    operations = base.operations | {"model.list": inference, "ledger.print": inference}
    absent = {"chatt.*": "no chat", "chat.*": "no chat", "stimulus:image": "none", "xyz": "none"}
    permissions = base.permissions.model_copy(update={"allow": ("zdr-*", "zdr.*", "organization.make")})
    profile = base.model_copy(update={"operations": operations, "absent": absent, "permissions": permissions})
    assert list(strange(profile, load_catalogue())) == [
        ("operations.model.list", "no suite uses an operation of this name; did you mean 'models.list'?"),
        ("absent.chatt.*", "this fits nothing that a control could need; did you mean 'chat.*'?"),
        ("absent.xyz", "this fits nothing that a control could need"),
        ("permissions.allow.zdr-*", "this fits no operation; did you mean 'zdr.*'?"),
        ("permissions.allow.organization.make", "this fits no operation; did you mean 'organization.*'?"),
    ]
