"""zdr-audit: measures whether an LLM backend keeps its zero-data-retention promise."""

__version__ = "0.1.0"
