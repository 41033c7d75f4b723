"""Errors in MongoDB's words."""

from __future__ import annotations

from typing import Any

NOT_PRIMARY = {91, 189, 10107, 11600, 11602, 13435, 13436}
"""Codes of a member that is not the primary, or soon stops being the primary. The command was not carried out."""

NAMES = {
    2: "BadValue",
    6: "HostUnreachable",
    9: "FailedToParse",
    11: "UserNotFound",
    13: "Unauthorized",
    18: "AuthenticationFailed",
    20: "IllegalOperation",
    26: "NamespaceNotFound",
    43: "CursorNotFound",
    59: "CommandNotFound",
    70: "ShardNotFound",
    73: "InvalidNamespace",
    115: "CommandNotSupported",
    118: "NamespaceNotSharded",
    133: "FailedToSatisfyReadPreference",
}


class CommandError(Exception):
    """An answer with ok: 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.answer: dict[str, Any] = {
            "ok": 0.0,
            "errmsg": message,
            "code": code,
            "codeName": NAMES.get(code, f"Location{code}"),
        }


class RefusedError(CommandError):
    """An answer with ok: 0 that a server gave, passed on."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(int(answer.get("code", 8)), str(answer.get("errmsg", "")))
        self.answer = answer
