"""Loads the zdr-audit plug-in, so that `pytest suites --target ...` works in a checkout."""

pytest_plugins = ["zdr_audit.plugin"]
