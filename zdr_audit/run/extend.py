"""What installed packages add must be there before anything is sent."""

from __future__ import annotations

from zdr_audit.canary.forms import added
from zdr_audit.evidence.registry import more_readers, more_sizes
from zdr_audit.extension import ExtensionError
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import Profile


def check_extensions(profile: Profile) -> None:
    """Load the forms, the readers and the sizes that the profile asks for. Raises ProfileError."""
    try:
        added()
        known = more_readers()
        more_sizes()
    except ExtensionError as exc:
        raise ProfileError(str(exc)) from None
    for number, item in enumerate(profile.evidence):
        if item.reader is not None and item.reader not in known:
            raise ProfileError(f"evidence.{number}.reader: no installed package adds '{item.reader}' (added: {', '.join(known) or 'none'})")
