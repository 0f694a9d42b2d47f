"""What the harness's own sessions on PostgreSQL share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import psycopg

APPLICATION = "dtx harness"
"""The harness's own sessions, told from those of the system's workers by their application_name."""

OpenSession: TypeAlias = "Callable[[], AbstractContextManager[psycopg.Connection[Any]]]"
"""Gives a session in the working database, in autocommit; raises ProvisionError if it can't be had or fails."""
