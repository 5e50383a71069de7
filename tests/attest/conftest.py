"""A Sigstore deployment of our own, served for the tests of a module, and how to sign and verify with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_sigstore.deployment import Deployment, served

from zdr_audit.attest.keyless import Expected, Signing
from zdr_audit.attest.trust import trusted_root

AUDITOR = "audit@example.org"
VARIABLE = "AUDIT_IDENTITY_TOKEN"
AMBIENT = ("GITHUB_ACTIONS", "GOOGLE_SERVICE_ACCOUNT_NAME", "BUILDKITE", "GITLAB_CI", "CIRCLECI")


class Keyless:
    """What one side needs to sign at the deployment, and the other to verify."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment = deployment
        self.config, self.root = deployment.files(folder)

    def token(self, subject: str = AUDITOR, **more: float) -> str:
        return self.deployment.issuer.token(subject, **more)

    def signing(self) -> Signing:
        return Signing.asked(self.config, VARIABLE)

    def expected(self, identity: str = AUDITOR, issuer: str | None = None) -> Expected:
        return Expected(identity, issuer or self.deployment.issuer.url, trusted_root(self.root))


@pytest.fixture(scope="session")
def sigstore_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    with served(Deployment()) as deployment:
        yield Keyless(deployment, tmp_path_factory.mktemp("sigstore"))


@pytest.fixture
def keyless(sigstore_service: Keyless, monkeypatch: pytest.MonkeyPatch) -> Keyless:
    """The deployment in good health, a fresh token in the environment, and no CI system around."""
    sigstore_service.deployment.way = "good"
    sigstore_service.deployment.certifier.logged = True
    sigstore_service.deployment.asked.clear()
    sigstore_service.deployment.released.clear()
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VARIABLE, sigstore_service.token())
    return sigstore_service
