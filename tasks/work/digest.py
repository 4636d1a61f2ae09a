"""Names values by their content."""

import hashlib
import json


def digest_of(*parts: object) -> str:
    """Sixteen hex digits that name `parts` (JSON-able): equal parts, equal name, whatever their key order."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
