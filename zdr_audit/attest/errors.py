"""The one error of this room."""


class AttestError(Exception):
    """Something that the user gave cannot be used (a key, a folder, a run); the message is one line."""
