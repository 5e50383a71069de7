"""Seeded violations, and the audits that must find them."""
