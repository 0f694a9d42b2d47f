"""What the global ids of prepared branches read as: those that managers encode, in plain text."""

import base64
import binascii
import re

_ENCODED = re.compile(r"(\d+)_([A-Za-z0-9+/=]+)_([A-Za-z0-9+/=]*)", re.ASCII)
"""How PostgreSQL's JDBC driver, and psycopg after it, write an XA id in one string."""

_PART = re.compile(r"X'((?:[0-9A-Fa-f]{2})*)'|'([^']*)'", re.ASCII)
"""A part of an XA id as `XA RECOVER FORMAT='SQL'` writes it."""


def of_postgres(gid: str) -> str:
    """Return `gtrid,bqual` of an encoded XA id, anything else as it is."""
    found = _ENCODED.fullmatch(gid)
    if found is None:
        return gid
    try:
        parts = [base64.b64decode(part, validate=True).decode() for part in found.groups()[1:]]
    except (binascii.Error, UnicodeDecodeError):
        return gid
    return _joined(parts, gid)


def of_mariadb(xid: str) -> str:
    """Return `gtrid,bqual` of an XA id in SQL, or the id as it is where that is no text."""
    try:
        parts = [plain or bytes.fromhex(coded).decode() for coded, plain in _PART.findall(xid)]
    except UnicodeDecodeError:
        return xid
    return _joined(parts, xid)


def _joined(parts: list[str], otherwise: str) -> str:
    text = ",".join(part for part in parts if part)
    return text if text.isprintable() and text else otherwise
