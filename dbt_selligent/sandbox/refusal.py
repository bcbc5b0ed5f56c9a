"""The refusal of a request as a whole, as an exception and as the body of an answer."""

from __future__ import annotations

from typing import Any


class RefusedError(Exception):
    """A request refused as a whole: its HTTP status, its result_code and what is wrong."""

    def __init__(self, status: int, result_code: str, *descriptions: str) -> None:
        super().__init__("; ".join(descriptions))
        self.status, self.result_code, self.descriptions = status, result_code, descriptions


def invalid(*descriptions: str) -> RefusedError:
    """Build the refusal of a request that is not what it should be."""
    return RefusedError(400, "ValidationFailed", *descriptions)


def missing(what: str) -> RefusedError:
    """Build the refusal of a request for something that is not there."""
    return RefusedError(404, "NotFound", f"{what} does not exist")


def errors(result_code: str, *descriptions: str) -> list[dict[str, str]]:
    """Build the list of errors of an answer."""
    return [{"error_code": f"ERR_{result_code.upper()}", "description": d} for d in descriptions]


def refusal(result_code: str, *descriptions: str) -> dict[str, Any]:
    """Build the body of an answer to a request that was refused as a whole."""
    return {
        "result_code": result_code,
        "message": "The request is refused",
        "errors": errors(result_code, *descriptions),
    }
