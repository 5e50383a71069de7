"""Units of size."""

from __future__ import annotations

KIB = 1 << 10
MIB = 1 << 20
