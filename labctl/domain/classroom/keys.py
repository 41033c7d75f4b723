"""Public keys in the form that people compare."""

from __future__ import annotations

import base64
from hashlib import sha256


def fingerprint(key: str) -> str:
    """Return the fingerprint ``SHA256:…`` of an OpenSSH public key (``type base64``), as ``ssh-keygen -l`` prints it.
    Returns an empty text if the text is not a key."""
    try:
        blob = base64.b64decode(key.split()[1], validate=True)
    except (IndexError, ValueError):
        return ""
    return f"SHA256:{base64.b64encode(sha256(blob).digest()).decode().rstrip('=')}"
