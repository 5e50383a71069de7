"""Everybody in whose name a run can act: the parties and the provider's staff, with the credentials that the profile gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zdr_audit.journal.redact import Redactor
from zdr_audit.profile.credentials import credential
from zdr_audit.profile.model import Profile
from zdr_audit.profile.token import Token
from zdr_audit.suite.party import Actor, Party


@dataclass(frozen=True)
class Cast:
    """Everybody the profile gives a credential for."""

    parties: dict[str, Party]
    staff: dict[str, Actor]

    def everybody(self) -> list[Actor]:
        return [*self.staff.values(), *(actor for party in self.parties.values() for actor in party.actors.values())]

    def keys(self) -> set[str]:
        return {f"{p.key}.{role}" for p in self.parties.values() for role in p.actors} | {f"staff.{role}" for role in self.staff}


def cast_of(profile: Profile, environment: Mapping[str, str], redactor: Redactor) -> Cast:
    """Whoever has no credential is left out. Raises ProfileError for one that cannot be used. The redactor knows each of them afterwards."""
    parties: dict[str, Party] = {}
    staff: dict[str, Actor] = {}
    for name, organization in profile.organizations.items():
        parties[name] = Party(name, organization.id, organization.account, "zdr" if name == "subject" else "standard", {})
    for group, roles in profile.actors.items():
        for role, section in roles.items():
            token = Token(f"actors.{group}.{role}", section, redactor.add_secret) if section.command else None
            secret = "" if token else credential(profile, section, environment, f"actors.{group}.{role}.env")
            if secret is None:
                continue
            redactor.add_secret(secret)
            where = parties[group] if group != "staff" else Party("staff", "", None, "none", {})
            actor = Actor(f"{group}.{role}", role, group, where.id, where.content, section.header, secret, section.email)
            actor = replace(actor, prefix=section.prefix, token=token)
            if group == "staff":
                staff[role] = actor
            else:
                parties[group] = where.with_actor(actor)
    return Cast(parties, staff)
