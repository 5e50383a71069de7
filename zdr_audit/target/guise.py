"""How content is said where it is not a word among words: as what detectors of personal data and secrets take for such, or amid signs that nobody sees.

The canary itself stays whole, so that a search finds it in whatever is kept of it; all around it is the same in every request.
"""

from __future__ import annotations

from collections.abc import Mapping

from zdr_audit.target.stimulus import Guise, Place, Signs, Stimulus

PROSE: frozenset[Place] = frozenset({
    "message", "system", "history", "prefill", "tool_description", "tool_input", "tool_result", "result_text", "result_document", "result_search",
    "document", "document_context", "document_text", "search_result", "server_result", "earlier_thinking",
})  # fmt: skip
"""Places that take any text. Names, addresses, headers and pictures do not."""

_FILLER = "Zm9ydHlTaGlwc05pbmVDcmFuZXNPbmVMaWdodGhvdXNl" * 4
"""Fills the lengths that vendors' credentials have."""
_LENGTH = 32
"""Characters of a canary."""


def _long(prefix: str, length: int, end: str = "") -> str:
    """A credential of a prefix, so many characters of which the content is the first, and an end."""
    return f"{prefix}{{}}{_FILLER[: length - _LENGTH]}{end}"


_PERSONAL = (
    "My name and user name is {}.",
    "Mail: {}@harbour.example, Harbour Master <{}@mail.harbour.example>",
    "Page: https://www.harbour.example/people/{}?user={}&view=all#me",
    "Home: /home/{}/.ssh/config, /Users/{}/Documents, C:\\Users\\{}\\AppData",
    "ssh {}@host-7.harbour.example, git@git.example:{}/ships.git, @{}",
)
_CREDENTIALS = (
    "# .env of the harbour",
    "API_KEY=sk-{}",
    _long("OPENAI_API_KEY=sk-proj-", 74, "T3BlbkFJ" + _FILLER[:74]),
    _long("ANTHROPIC_API_KEY=sk-ant-api03-", 93, "AA"),
    _long("GITHUB_TOKEN=ghp_", 36),
    "GITLAB_TOKEN=glpat-{}",
    "SLACK_TOKEN=xoxb-123456789012-123456789012-{}",
    "AWS_ACCESS_KEY_ID=AKIA{}",
    _long("AWS_SECRET_ACCESS_KEY=", 40),
    _long("GOOGLE_API_KEY=AIza", 35),
    "STRIPE_KEY=sk_live_{}",
    "DATABASE_URL=postgres://harbour:{}@db.harbour.example:5432/ships",
    'password={}\n{{"user": "harbour", "password": "{}", "client_secret": "{}"}}',
    "Authorization: Bearer {}",
    "Session: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJoYXJib3VyIn0.{}",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n" + _FILLER[:64] + "\n{}\n-----END OPENSSH PRIVATE KEY-----",
)
GUISES: Mapping[Guise, str] = {"personal": "\n".join(_PERSONAL), "credentials": "\n".join(_CREDENTIALS)}
"""Each says the content as every value of its kind, so that whichever of them a detector knows, it finds."""

SIGNS: Mapping[Signs, str] = {
    # What a program writes on a terminal: a title, colours, a progress bar that goes back, a line that is cleared, a bell.
    "terminal": "\x1b]0;make test\x07\x1b[1;31mFAIL\x1b[0m \x1b[38;5;208m {} \x1b[0m 50%\b\b\b99% \x1b[2K\r\x1b[?25hdone\x07",
    # What comes along with text from documents and pages: a byte-order mark, spaces without width, soft hyphens, changes of direction, tags.
    "invisible": "\ufeff\u200b{}\u200b \u200d\u2060 ships\u00adyard \u202eredrum\u202c \u2066isolated\u2069 a\u2028b\u0085c \ufe0f\U000e0041\ue000\ufffd",
    # What stands in files that are no text.
    "binary": "\x01\x02ELF\x00 {} \x00\x03\x04\x05\x06\x0b\x0c\x0e\x0f\x10\x1a\x1c\x1d\x1e\x1f\x7f\x9b",
}
"""What stands around the content, in place of the braces."""


def dressed(stimulus: Stimulus, place: Place, canary: str) -> str:
    """What is said at that place: the content as the stimulus wants it said, where the place takes any text; else the content alone."""
    if place not in PROSE:
        return canary
    said = GUISES[stimulus.guise].format(*[canary] * GUISES[stimulus.guise].count("{}")) if stimulus.guise else canary
    return SIGNS[stimulus.signs].replace("{}", said) if stimulus.signs else said
