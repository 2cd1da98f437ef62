"""Who may ask. On the loopback address anybody on this machine; elsewhere whoever has a token of the right role."""

from typing import Literal, Protocol

from gradino.operate.store.tokens import Holder, Role, Tokens

Needs = Role | Literal["token"] | None  # a role, any token, or nothing: a load balancer's probe


class Headers(Protocol):
    """Of a request, by lower-case name."""

    def get(self, key: str, default: str | None = None) -> str | None: ...


class Denied(Exception):  # noqa: N818  # it is an answer, not a fault
    """Not with these credentials: 401 without any that we know, 403 with others."""

    def __init__(self, status: Literal[401, 403], reason: str, advice: str) -> None:
        super().__init__(reason)
        self.status, self.reason, self.advice = status, reason, advice


class Access:
    """`tokens` None: the server is open to this machine, but not to web pages that a browser on it shows."""

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def check(self, headers: Headers, needs: Needs) -> Holder | None:
        """Who asks, where that is known; raises Denied."""
        if self._tokens is None:
            if headers.get("sec-fetch-site") == "cross-site":
                raise Denied(403, "a web page from elsewhere may not ask", "send the request from a program")
            return None
        if needs is None:
            return None
        holder = self._tokens.holder(headers.get("authorization"))
        if holder is None:
            raise Denied(401, "there is no valid token in this request", "send `Authorization: Bearer TOKEN`")
        if needs != "token" and not holder.may(needs):
            raise Denied(403, f"`{holder.name}` is a {holder.role}", f"this needs the role {needs} or operator")
        return holder

    def refresh(self) -> None:
        """See what was added and revoked meanwhile; raises SQLAlchemyError."""
        if self._tokens is not None:
            self._tokens.refresh()
