"""A credential that a command prints: asked for when it is needed, again when it is old or was refused, and never written anywhere."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable

from zdr_audit.profile.credentials import usable
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import ActorSection


class Token:
    """`key` names the actor in messages, `on_new` is told each new token before anybody else. Safe for several threads."""

    def __init__(self, key: str, section: ActorSection, on_new: Callable[[str], None]) -> None:
        self._key, self._section, self._on_new = key, section, on_new
        self._lock = threading.Lock()
        self._secret = ""
        self._at = 0.0

    def current(self) -> str:
        """The token; a fresh one where it is older than the profile allows. Raises ProfileError where the command gives none."""
        with self._lock:
            limit = self._section.refresh_seconds
            if not self._secret or (limit is not None and time.monotonic() - self._at >= limit):
                self._ask()
            return self._secret

    def renewed(self, refused: str) -> str:
        """After `refused` brought a 401: the token that took its place meanwhile, or a fresh one. Raises ProfileError."""
        with self._lock:
            if self._secret == refused:
                self._ask()
            return self._secret

    def _ask(self) -> None:
        words = self._section.command or ()
        try:
            done = subprocess.run(  # noqa: S603 - words of the profile, no shell
                words, stdin=subprocess.DEVNULL, capture_output=True, timeout=self._section.timeout_seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise ProfileError(f"{self._key}.command: took longer than {self._section.timeout_seconds:g} s") from None
        except OSError as exc:
            raise ProfileError(f"{self._key}.command: cannot be run: {exc.strerror}") from None
        if done.returncode != 0:
            raise ProfileError(f"{self._key}.command: ended with status {done.returncode}")
        secret = done.stdout.decode("latin-1").strip()
        if not usable(secret):
            raise ProfileError(f"{self._key}.command: printed no usable credential: 8 or more printable ASCII characters, no spaces")
        self._on_new(secret)
        self._secret, self._at = secret, time.monotonic()
