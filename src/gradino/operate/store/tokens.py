"""Who may ask the scoring server and the page: named tokens with a role, of which only the SHA-256 is kept.

A token is 256 random bits, so one round of SHA-256 hides it as well as a slow password hash would. A row is never
deleted: the name of a revoked token still says who it was that a log tells of.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Row

from gradino.errors import ServiceError
from gradino.operate.store.state import State, now, tokens

Role = Literal["scorer", "viewer", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_PREFIX = "gradino_"  # by which a scanner for leaked secrets knows it


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it was."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """An operator may what the others may; a scorer does not read the page, a viewer does not score."""
        return self.role in (role, "operator")


class Tokens:
    """The tokens that are valid, in memory; what others add or revoke is seen by the next `refresh`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._valid: list[tuple[bytes, Holder]] = []
        self.refresh()

    def refresh(self) -> None:
        """Read them again; raises SQLAlchemyError, and then those of before stay valid."""
        self._valid = [(bytes.fromhex(row.digest), Holder(row.name, row.role)) for row in valid(self._state)]

    def __bool__(self) -> bool:
        return bool(self._valid)

    def holder(self, authorization: str | None) -> Holder | None:
        """Who sent this `Authorization` header: `Bearer TOKEN`, or `Basic` with the token as password (a browser's).

        Takes the same time whichever token it is compared with.
        """
        digest = hashlib.sha256(_secret(authorization or "").encode(errors="replace")).digest()
        found = None
        for known, holder in self._valid:
            if hmac.compare_digest(known, digest):
                found = holder
        return found


def add(state: State, name: str, role: Role) -> str:
    """Make a token; what is returned is shown once and kept nowhere.

    Raises:
        ServiceError: there is a valid one of this name, or it is no name.
    """
    if not _NAME.fullmatch(name):
        raise ServiceError(f"`{name}` cannot be a token's name", "use up to 64 of A–Z a–z 0–9 . _ @ -")
    if any(row.name == name for row in valid(state)):
        raise ServiceError(
            f"there is a token `{name}` already",
            "give the new one another name, move its holder to it, then revoke this one",
        )
    token = _PREFIX + secrets.token_urlsafe(32)
    state.add(tokens, name=name, role=role, digest=hashlib.sha256(token.encode()).hexdigest())
    return token


def revoke(state: State, name: str) -> None:
    """Make a token worthless; running servers refuse it within a second.

    Raises:
        ServiceError: there is no valid one of this name.
    """
    if not state.change(tokens, tokens.c.name == name, tokens.c.revoked.is_(None), revoked=now()):
        names = ", ".join(row.name for row in valid(state)) or "none"
        raise ServiceError(f"there is no valid token `{name}`", f"valid: {names}")


def renew(state: State, name: str, role: Role) -> str:
    """Make a token in place of the valid one of this name, if there is any; for a process that keeps it in memory."""
    state.change(tokens, tokens.c.name == name, tokens.c.revoked.is_(None), revoked=now())
    return add(state, name, role)


def valid(state: State) -> Sequence[Row[Any]]:
    """Those that are not revoked, oldest first."""
    return state.rows(tokens, tokens.c.revoked.is_(None))


def _secret(authorization: str) -> str:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return given.strip() if scheme.lower() == "bearer" else ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
