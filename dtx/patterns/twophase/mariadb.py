"""MariaDB as a resource manager: `XA START ... XA PREPARE`, and `XA COMMIT`, if need be from another session.

While a prepared branch is attached to the session that prepared it, `XA COMMIT` from elsewhere answers XAER_NOTA as
if there were no such branch (seen with 10.11). So after that answer that session is ended, and it is asked again; the
answer tells nothing: the marker row does.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar

import pymysql
from pymysql.constants import ER

from dtx.patterns.common.mariadb_sessions import (
    ANSWER_WITHIN_S,
    LOCK_WITHIN_S,
    MariaDbSession,
    MariaDbSessions,
    lock_of,
)
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.resource import (
    SETTLED_AT_ONCE,
    Decision,
    DeniedError,
    Ending,
    RefusedError,
    ResourceError,
    Settled,
    Vote,
)
from dtx.patterns.twophase.two_pools import TwoPools

W = TypeVar("W")
T = TypeVar("T")

MariaDbWork = Callable[[MariaDbSession, W], None]
"""Does a branch's work and writes its marker row, blocking; may raise RefusedError."""

XAER_NOTA = 1397

_ANNOUNCE = "replace into at_work (session, tx) values (connection_id(), %(tx)s)"

# Where a resource manager may decide alone it has the table `decided_alone`: the decision beside the work.
_DECIDE_ALONE = "insert into decided_alone (tx, decision) values (%(tx)s, 'commit')"
_BAR = "insert ignore into decided_alone (tx, decision) values (%(tx)s, 'abort')"
_DECIDED_ALONE = "select decision from decided_alone where tx = %(tx)s"

_LISTED = re.compile(r"X'(?P<gtrid>[0-9a-f]+)',X'(?P<bqual>[0-9a-f]+)'", re.IGNORECASE)
"""As `XA RECOVER FORMAT='SQL'` writes a branch, if it has our format and a branch qualifier."""


class MariaDbResource(TwoPools[MariaDbSessions], Generic[W]):
    """One database; an async context manager. `marker` is the table whose rows name, as `tx`, what is committed.

    `only_reads` tells of which works nothing is written here; the server would not let them.
    """

    def __init__(
        self,
        name: str,
        url: str,
        work: MariaDbWork[W],
        *,
        marker: str,
        only_reads: Callable[[W], bool] = lambda _: False,
        within_s: float = ANSWER_WITHIN_S,
        lock_within_s: int = LOCK_WITHIN_S,
    ) -> None:
        self.name = name
        self._work = work
        self._marker = marker
        self._only_reads = only_reads
        super().__init__(
            working=MariaDbSessions(
                url, sessions=32, ready=12, within_s=within_s, lock_within_s=lock_within_s
            ),
            settling=MariaDbSessions(url, sessions=SETTLED_AT_ONCE, ready=4),
        )

    async def begin(
        self, xid: Xid, work: W, *, alone: bool = False
    ) -> "MariaDbBranch[W] | MariaDbReading":
        """Begin a branch and do its work."""
        await self.open_for_work()
        try:
            session = await self._working.take()
        except (pymysql.MySQLError, TimeoutError) as error:
            raise ResourceError(self._words(error)) from error
        gid = _sql_name(str(xid), f"{self.name}.{session.name}")

        def do() -> None:
            # Whoever looks at the server sees for whom a session works, and so who waits for whom.
            session.execute(_ANNOUNCE, {"tx": xid.tx})
            session.execute(f"xa start {gid}")
            try:
                if alone:
                    session.execute(_DECIDE_ALONE, {"tx": xid.tx})
                self._work(session, work)
            except RefusedError:
                session.execute(f"xa end {gid}")
                session.execute(f"xa rollback {gid}")
                raise
            session.execute(f"xa end {gid}")

        def read() -> None:
            session.execute("start transaction read only")
            try:
                self._work(session, work)
            finally:
                session.execute("commit")

        only_reads = self._only_reads(work)
        try:
            await self._working.run(read if only_reads else do)
        except RefusedError:
            self._working.keep(session)
            raise
        except BaseException as error:
            self._working.drop(session)  # its server undoes what is not prepared
            if isinstance(error, pymysql.MySQLError):
                raise ResourceError(self._words(error)) from error
            raise
        branch = BranchId(xid=xid, gid=gid)
        if only_reads:
            self._working.keep(session)
            return MariaDbReading(branch)
        return MariaDbBranch(self, branch, session, self._working)

    async def in_doubt(self, group: str) -> list[BranchId]:
        """Return the prepared branches of this group on this server, attached ones too."""
        listed = await self._settle_with(lambda s: s.fetch("xa recover format='SQL'"))
        named = [(_xid_of(str(gid)), str(gid)) for *_, gid in listed]
        return [BranchId(xid=x, gid=gid) for x, gid in named if x and x.group == group]

    async def _settle_stretch(self, stretch: Sequence[Ending]) -> list[Settled | ResourceError]:
        """Return what came of each, as far as the first without an answer."""
        found: list[Settled | ResourceError] = []

        def settle(session: MariaDbSession) -> None:
            for branch, decision in stretch:
                found.append(self._settle(session, branch, decision))

        try:
            await self._settle_with(settle)
        except ResourceError as error:
            found.append(error)
        return found

    async def decided_alone(self, tx: str) -> Decision:
        """Bar what has not committed, unless it has; what is just being committed is waited for."""

        def ask(session: MariaDbSession) -> str:
            session.execute(_BAR, {"tx": tx})
            [[decision]] = session.fetch(_DECIDED_ALONE, {"tx": tx})
            return str(decision)

        return Decision(await self._settle_with(ask))

    async def have_marker(self, txs: Collection[str]) -> set[str]:
        """Return those whose work is committed here."""
        return await self._settle_with(lambda session: self._with_marker(session, txs))

    def _settle(
        self, session: MariaDbSession, branch: BranchId, decision: Decision
    ) -> Settled | DeniedError:
        """Return what was found; the error that it can't be ended from here yet leaves the session as good as it was."""
        if _has_ended(session, branch, decision):
            return Settled.DONE
        _end_owner(session, branch)
        if _has_ended(session, branch, decision):
            return Settled.DONE
        if any(str(gid) == branch.gid for *_, gid in session.fetch("xa recover format='SQL'")):
            return DeniedError(f"{self.name}: {branch.xid} is still attached to its session")
        is_done = decision is Decision.ABORT or bool(self._with_marker(session, [branch.xid.tx]))
        return Settled.DONE if is_done else Settled.MISSING

    def _with_marker(self, session: MariaDbSession, txs: Collection[str]) -> set[str]:
        if not txs:
            return set()  # `in ()` is no SQL
        query = f"select tx from {self._marker} where tx in %(txs)s"
        return {tx for (tx,) in session.fetch(query, {"txs": list(txs)})}

    async def _settle_with(self, call: Callable[[MariaDbSession], T]) -> T:
        try:
            return await self._settling.use(call)
        except (pymysql.MySQLError, TimeoutError) as error:
            raise ResourceError(self._words(error)) from error

    def _words(self, error: Exception) -> str:
        return f"{self.name}: {type(error).__name__} {error.args[-1] if error.args else ''}".strip()


class MariaDbBranch(Generic[W]):
    """Work that was done in a session of its own, which it keeps until it has ended."""

    def __init__(
        self,
        resource: MariaDbResource[W],
        branch: BranchId,
        session: MariaDbSession,
        sessions: MariaDbSessions,
    ) -> None:
        self.id = branch
        self._resource = resource
        self._session: MariaDbSession | None = session
        self._sessions = sessions

    async def prepare(self) -> Vote:
        """Prepare, and stay attached."""
        await self._say("xa prepare")
        return Vote.YES

    async def commit_alone(self) -> None:
        """Commit without a vote."""
        await self._say("xa commit", " one phase")
        self._give_back()

    async def commit(self) -> None:
        """Commit in the session that prepared."""
        await self._say("xa commit")
        self._give_back()

    async def roll_back(self) -> None:
        """Roll back in the session that did the work; if that is gone, from another one."""
        if self._session is not None:
            try:
                await self._say("xa rollback")
            except ResourceError:
                pass  # `_say` dropped the session; below it is tried from another one
            else:
                self._give_back()
                return
        await self._resource.settle(self.id, Decision.ABORT)

    async def _say(self, verb: str, manner: str = "") -> None:
        session = self._session
        if session is None:
            raise ResourceError(f"{self._resource.name}: the session of {self.id.xid} is gone")
        try:
            await self._sessions.run(lambda: session.execute(f"{verb} {self.id.gid}{manner}"))
        except pymysql.MySQLError as error:
            self._session = None
            self._sessions.drop(session)
            raise ResourceError(f"{self._resource.name}: {verb}: {error.args[-1]}") from error

    def _give_back(self) -> None:
        if self._session is not None:
            self._sessions.keep(self._session)
            self._session = None


class MariaDbReading:
    """Work that only read: it ended with its last statement, since nothing of it is to be kept or undone."""

    def __init__(self, branch: BranchId) -> None:
        self.id = branch

    async def prepare(self) -> Vote:
        """Vote, having nothing to promise."""
        return Vote.READ_ONLY

    async def commit(self) -> None:
        """Do nothing: nothing was written."""

    async def commit_alone(self) -> None:
        """Do nothing: nothing was written."""

    async def roll_back(self) -> None:
        """Do nothing: nothing was written."""


def _has_ended(session: MariaDbSession, branch: BranchId, decision: Decision) -> bool:
    """End the branch as decided; return False where the server knows none that can be ended from here."""
    verb = "commit" if decision is Decision.COMMIT else "rollback"
    try:
        session.execute(f"xa {verb} {branch.gid}")
    except pymysql.MySQLError as error:
        if _code(error) != XAER_NOTA:
            raise
        return False
    return True


def _end_owner(session: MariaDbSession, branch: BranchId) -> None:
    """End the session that the branch may be attached to, if it still lives and has no other work by now."""
    found = _LISTED.fullmatch(branch.gid)
    bqual = bytes.fromhex(found["bqual"]).decode(errors="replace") if found else ""
    owner = bqual.rpartition(".")[2]
    [[number]] = session.fetch("select is_used_lock(%(name)s)", {"name": lock_of(owner)})
    if number is None:
        return
    work = session.fetch("select tx from at_work where session = %(number)s", {"number": number})
    if work != [(branch.xid.tx,)]:
        return  # its owner has ended it meanwhile: who works there now must not suffer
    try:
        session.execute(f"kill {int(number)}")
    except pymysql.MySQLError as error:
        if _code(error) != ER.NO_SUCH_THREAD:
            raise


def _sql_name(gtrid: str, bqual: str) -> str:
    return f"X'{gtrid.encode().hex()}',X'{bqual.encode().hex()}'"


def _xid_of(gid: str) -> Xid | None:
    found = _LISTED.fullmatch(gid)
    if found is None:
        return None
    return Xid.parse(bytes.fromhex(found["gtrid"]).decode(errors="replace"))


def _code(error: pymysql.MySQLError) -> int:
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0
