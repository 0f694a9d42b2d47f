"""Systems that can't work: what is wrong is said with its place, the exit code fits, and nothing is left running."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import complaint, dtx
from tests.support.leftovers import left_of_local_run
from tests.unit.docs.test_own_system import copied

pytestmark = pytest.mark.local

COMMAND = 'command = ["{python}", "shop.py", "ledger"]\n'
EFFECTS = '''[databases.ledger-db.observe]
effects = "select tx, step, effect, amount, pg_xact_commit_timestamp(xmin) from effects"'''
PENDING = "select tx, since from orders where state = 'OPEN'"
FORGETFUL = "[variants.forgetful]"


@pytest.fixture
def shop(place: Path) -> Path:
    """The docs' system, to be broken."""
    folder = place / "shop"
    folder.mkdir()
    return copied(folder)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def run(shop: Path, *words: str, **env: str) -> tuple[int, str]:
    """Run the system, which must fail; nothing of it may be left. Return exit code and complaint."""
    done = dtx(
        "run", shop, "--runtime", "local", "--duration", "1", "--rate", "5", *words,
        cwd=shop.parent, env=env,
    )  # fmt: skip
    assert not left_of_local_run(shop.parent)
    assert done.stdout == ""
    return done.returncode, complaint(done)


def ledger_runs(shop: Path, program: str, ready_s: float = 20) -> None:
    """Have Python run this text as the worker `ledger`."""
    (shop / "ledger.py").write_text(program)
    change(
        shop / "system.toml",
        COMMAND,
        f'command = ["{{python}}", "ledger.py"]\nready_within_s = {ready_s}\n',
    )


def _no_program(shop: Path) -> None:
    change(shop / "system.toml", COMMAND, 'command = ["./nothing"]\n')


def _no_permission(shop: Path) -> None:
    change(shop / "system.toml", COMMAND, 'command = ["./shop.sql"]\n')


def _no_interpreter(shop: Path) -> None:
    (shop / "start").write_text("#!/nonexistent/python\n")
    (shop / "start").chmod(0o755)
    change(shop / "system.toml", COMMAND, 'command = ["./start"]\n')


def _no_format(shop: Path) -> None:
    (shop / "start").write_bytes(b"\x7fELF rubbish")
    (shop / "start").chmod(0o755)
    change(shop / "system.toml", COMMAND, 'command = ["./start"]\n')


def _ends_at_once(shop: Path) -> None:
    ledger_runs(shop, "import sys; sys.exit('no licence')")


def _killed_at_once(shop: Path) -> None:
    ledger_runs(shop, "import os; os.kill(os.getpid(), 9)")


def _last_words_are_binary(shop: Path) -> None:
    ledger_runs(shop, "import os; os.write(1, b'\\x1b[31m\\0\\xff\\x07' * 9000); os._exit(3)")


def _never_ready(shop: Path) -> None:
    ledger_runs(shop, "import time; print('warming up', flush=True); time.sleep(60)", 1)


def _wrong_port(shop: Path) -> None:
    server = "import http.server as h; h.HTTPServer(('127.0.0.1', 0), h.BaseHTTPRequestHandler)"
    ledger_runs(shop, f"{server}.serve_forever()", 1)


def _no_path(shop: Path) -> None:
    server = "import os, http.server as h; s = h.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), h.BaseHTTPRequestHandler)"
    ledger_runs(shop, f"{server}; s.serve_forever()", 1)


def _port_in_use(shop: Path) -> None:
    twice = (
        "import os, socket; a = ('127.0.0.1', int(os.environ['PORT'])); x = socket.create_server(a)"
    )
    ledger_runs(shop, f"{twice}; socket.create_server(a)")


def _schema_syntax(shop: Path) -> None:
    change(shop / "ledger.sql", "create table charges", "creat table charges")


def _schema_runtime(shop: Path) -> None:
    change(shop / "ledger.sql", "create table charges", "create table accounts")


def _schema_not_utf8(shop: Path) -> None:
    (shop / "ledger.sql").write_bytes(b"select '\xff'")


def _observes(query: str) -> Callable[[Path], None]:
    def break_it(shop: Path) -> None:
        with (shop / "ledger.sql").open("a") as schema:
            schema.write(
                "create function pays() returns text language plpgsql as $$ begin"
                " insert into effects values ('t', 'x', 'applied', 1); return 't'; end $$;\n"
                "create procedure commits(inout a text) language plpgsql as $$ begin commit;"
                " insert into effects values ('t', 'x', 'applied', 1); end $$;\n"
            )
        change(
            shop / "system.toml", EFFECTS, f"[databases.ledger-db.observe]\neffects = '''{query}'''"
        )

    return break_it


WRONG = [
    (_no_program, 2, "worker ledger: can't start './nothing': No such file or directory"),
    (_no_permission, 2, "worker ledger: can't start './shop.sql': Permission denied"),
    (_no_interpreter, 2, "it is there, but the interpreter in its first line is not"),
    (_no_format, 2, "worker ledger: can't start './start': Exec format error"),
    (_ends_at_once, 4, "worker ledger ended with exit status 1; its last output:\n  no licence"),
    (_killed_at_once, 4, "worker ledger ended with signal SIGKILL; it wrote nothing"),
    (_last_words_are_binary, 4, "worker ledger ended with exit status 3"),
    (_never_ready, 4, "GET /healthz said ConnectionRefusedError\n  warming up"),
    (_wrong_port, 4, "; it listens on port "),
    (_no_path, 4, "GET /healthz said 501"),
    (_port_in_use, 4, "Address already in use"),
    (_schema_syntax, 2, 'ledger.sql:3: syntax error at or near "creat"'),
    (_schema_runtime, 2, 'ledger.sql: relation "accounts" already exists'),
    (_schema_not_utf8, 2, "ledger.sql: not UTF-8"),
]


@pytest.mark.parametrize(("break_it", "code", "said"), WRONG)
def test_system_that_cannot_start_is_a_clear_error(
    shop: Path, break_it: Callable[[Path], None], code: int, said: str
) -> None:
    break_it(shop)
    answered, complaint_ = run(shop)
    assert said in complaint_
    assert answered == code
    assert "hint: " in complaint_


QUERIES = [
    ("selec 1", 'syntax error at or near "selec"'),
    ("select 1", "1 columns, wanted (tx, step, effect, amount, at)"),
    ("select null, 's', 'applied', 1", "tx is None, wanted text"),
    ("select 't', 's', 'applied', 'much'", "amount is 'much', wanted a whole number"),
    ("select 't', 's', 'maybe', 1", "effect is 'maybe', not applied or undone"),
    ("select 't', 's', 'applied', 1, now()::timestamp", "wanted timestamp with time zone"),
    ("select pays(), 's', 'applied', 1", "cannot execute INSERT in a read-only transaction"),
    ("select 't', 's', 'applied', 1 from pg_sleep(60)", "statement timeout"),
    ("set transaction read write; delete from effects returning *", "multiple commands"),
    ("call commits('t')", "invalid transaction termination"),
    ("select pg_terminate_backend(pg_backend_pid())", "terminating connection"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "said"), QUERIES)
def test_query_that_cannot_work_is_named_before_anything_is_submitted(
    shop: Path, query: str, said: str
) -> None:
    _observes(query)(shop)
    code, complaint_ = run(shop)
    assert said in complaint_
    assert "ledger-db" in complaint_
    if "terminating" not in said:  # there the server ended it, and nobody knows why
        assert code == 2
        assert "[databases.ledger-db.observe] effects" in complaint_
