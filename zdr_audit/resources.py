"""Where the suites, fixtures and templates are: inside the installed package, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def _room(installed: str, checkout: str) -> Path:
    inside = PACKAGE / installed
    return inside if inside.is_dir() else CHECKOUT / checkout


def suites() -> Path:
    """Folder of the control suites (pytest test modules, a folder per control family)."""
    return _room("suites", "suites")


def fixtures() -> Path:
    """Folder of shipped data: `targets/*.toml` profiles and `violations/*.toml`."""
    return _room("fixtures", "fixtures")


def templates() -> Path:
    """Folder of the Jinja2 report templates."""
    return _room("report/templates", "reports/templates")
