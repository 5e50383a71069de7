"""Measurements with a budget; each is one command, e.g. `python -m bench.render`."""
