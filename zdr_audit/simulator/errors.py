"""Errors in the documented envelope. No message here ever quotes the request: texts are fixed, or name our own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    """An answer with an HTTP `status`. `reason` is the short fixed word that the audit log gets when the attempt counts as refused."""

    status = 500

    def __init__(
        self, message: str, *, reason: str = "", details: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ):
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.details = details
        self.headers = dict(headers or {})


class InvalidRequestError(ApiError):
    status = 400


class UnauthenticatedError(ApiError):
    status = 401


class SpendLimitError(ApiError):
    status = 402


class ForbiddenError(ApiError):
    status = 403


class PolicyError(ForbiddenError):
    """Refused by the organization's retention policy."""


class NotFoundError(ApiError):
    status = 404

    def __init__(self, message: str = "Not found."):
        super().__init__(message)


class ConflictError(ApiError):
    status = 409


class TooLargeError(ApiError):
    status = 413


class InjectedError(ApiError):
    """A failure that the operator asked for."""

    def __init__(self, status: int):
        super().__init__("Overloaded." if status == 529 else "Internal server error.")
        self.status = status


class Errors:
    """Builds the error body; the one place where its wording is decided."""

    def envelope(self, request_id: str, status: int, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """`{"type":"error","error":{"type","message"[,"details"]},"request_id"}`."""
        error: dict[str, Any] = {"type": TYPES.get(status, "api_error"), "message": message}
        if details:
            error["details"] = dict(details)
        return {"type": "error", "error": error, "request_id": request_id}
