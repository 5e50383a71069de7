"""A finished run as a pack that others can check: manifest, attestation, and their verification."""
