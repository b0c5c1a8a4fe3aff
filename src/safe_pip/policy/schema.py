"""Schema: policy values as JSON Schema, for editors that complete and check while one types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from safe_pip.policy.values import DURATION_PATTERN, NAME_PATTERN, SHA256_PATTERN

Schema = Mapping[str, object]

# Values that may hold any release specifier: only the reader knows them in full.
_TEXT: Schema = {"type": "string", "minLength": 1}
_NAME: Schema = {"type": "string", "pattern": f"^{NAME_PATTERN}$"}

THRESHOLD: Schema = {"type": "number", "minimum": 0, "maximum": 1}
TRUTH: Schema = {"type": "boolean"}
DURATION: Schema = {"type": "string", "pattern": f"^{DURATION_PATTERN}$"}
DENIED: Schema = {"type": "array", "items": _TEXT}
PATTERNS: Schema = {"type": "array", "items": _NAME}
FEEDS: Schema = {"type": "array", "items": {"type": "string", "pattern": "^https?://"}}
PRIVATE_NAMES: Schema = {
    "type": "object",
    "propertyNames": {"pattern": f"^{NAME_PATTERN}$"},
    "additionalProperties": {"type": "string", "pattern": "://"},
}
ALLOWED: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["project", "reason"],
        "properties": {
            "project": {**_NAME, "description": "the project's name, without wildcards"},
            "version": {"type": "string", "description": 'a specifier such as "==1.4.2"'},
            "sha256": {
                "type": "string",
                "pattern": f"^{SHA256_PATTERN}$",
                "description": "the digest of the file: the entry covers these bytes alone",
            },
            "reason": {**_TEXT, "description": "who read it, and when"},
            "expires": {
                "type": "string",
                "format": "date",
                "description": "the last day on which the entry counts, written without quotes",
            },
        },
    },
}


def words_schema(words: Iterable[str]) -> Schema:
    return {"enum": list(words)}
