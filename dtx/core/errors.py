"""The errors that a user is meant to read: what happened, where, and what to do about it."""

from dtx.core.exit_codes import ExitCode


class DtxError(Exception):
    """An error with an exit code and a hint; `main` prints it in at most three lines.

    Attributes:
        message: what happened and where, one or two lines.
        hint: what the user can do, one line, or empty.
        exit_code: what the process answers.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DtxError):
    """The command line asks for something that does not exist or contradicts itself."""

    exit_code = ExitCode.USAGE


class UnfitError(UsageError):
    """A fault that this system can't suffer, whatever its scope: an error of `dtx run`, skipped in a matrix."""


class ConfigError(DtxError):
    """A `system.toml` or `dtx.toml` is wrong: the message names the file and the key."""

    exit_code = ExitCode.USAGE


class RecordError(DtxError):
    """A run folder can't be read: damaged, newer than this dtx, or not a run folder."""

    exit_code = ExitCode.USAGE


class StorageError(DtxError):
    """A file of ours can't be written: a full disk, a quota, a medium that went away."""

    exit_code = ExitCode.ENVIRONMENT


class ProvisionError(DtxError):
    """A server, a proxy, an image or a worker did not come up."""

    exit_code = ExitCode.ENVIRONMENT


class InternalError(DtxError):
    """A defect of dtx itself; its traceback is kept in the run folder."""

    exit_code = ExitCode.INTERNAL
