"""Accepted failures with an owner, a reason and an expiry. Read before a run, journaled at its start, applied when it is judged."""
