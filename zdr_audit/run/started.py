"""How a run begins: the first event of its journal, which says all that the rest is judged by."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from zdr_audit import __version__
from zdr_audit.canary.mint import new_literal
from zdr_audit.catalogue.model import Catalogue, Control
from zdr_audit.journal.events import RunStarted
from zdr_audit.profile.load import LoadedProfile
from zdr_audit.run.options import Options
from zdr_audit.run.spikes import spiked
from zdr_audit.target.transport import now


def started(
    loaded: LoadedProfile,
    options: Options,
    catalogue: Catalogue,
    selected: Sequence[Control],
    unavailable: dict[str, str],
    without_means: dict[str, str],
) -> RunStarted:
    """A run of the selected controls against this target, with a literal and a key of its own. `unavailable` and `without_means`: by control, why it
    does not apply, and why it cannot be tested."""
    profile = loaded.profile
    return RunStarted(
        id=f"run-{now()[:19].replace(':', '').replace('-', '')}-{secrets.token_hex(3)}",
        version=__version__,
        target=profile.name,
        base_url=profile.target.base_url,
        platform=profile.target.platform,
        enforcement=profile.target.enforcement,
        organizations={name: o.id for name, o in profile.organizations.items()},
        profile_digest=loaded.digest,
        catalogue_digest=catalogue.digest,
        policy_edition=catalogue.edition,
        seed=options.seed,
        depth=options.depth,
        selection=",".join(options.controls) or "all",
        selected=tuple(c.id for c in selected),
        unavailable=unavailable,
        without_means=without_means,
        sources={e.id: (e.kind, e.what) for e in profile.evidence},
        settle_seconds=profile.limits.settle_seconds,
        clock_tolerance_seconds=profile.limits.clock_tolerance_seconds,
        command=options.command(),
        literal=new_literal(),
        key=secrets.token_bytes(32).hex(),
        started_at=now(),
        waivers=options.waivers,
        twins={e.id: e.twin for e in profile.evidence if e.twin},
        twin_sources=tuple(e.id for e in profile.evidence if e.of == "control"),
        spiked=tuple(e.id for e in spiked(profile)),
        audit_types={k: v for k, v in (profile.audit_types or {}) if isinstance(v, str)},
        launched=options.base_url is None and profile.target.launch is not None,
    )
