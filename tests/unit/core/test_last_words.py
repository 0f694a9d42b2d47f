"""The line of a dead program's output that says why, in the ways that languages write it."""

import pytest

from dtx.core.last_words import telling_line

NODE = """
node:internal/modules/package_json_reader:301
  throw new ERR_MODULE_NOT_FOUND(packageName, fileURLToPath(base), null);
        ^

Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'pg' imported from /shop/src/database.js
    at Object.getPackageJSONURL (node:internal/modules/package_json_reader:301:9)
    at packageResolve (node:internal/modules/esm/resolve:768:81) {
  code: 'ERR_MODULE_NOT_FOUND'
}

Node.js v20.20.2
"""
PYTHON = """
Traceback (most recent call last):
  File "shop.py", line 3, in <module>
    raise KeyError("PORT")  # ValueError: not this
KeyError: 'PORT'
During handling of the above exception, another exception occurred:
psycopg.OperationalError: connection refused
"""
JAVA = """
Exception in thread "main" java.lang.IllegalStateException: no database
\tat shop.Main.main(Main.java:7)
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)
\t... 12 more
"""
GO = """
panic: dial tcp 127.0.0.1:5432: connect: connection refused

goroutine 1 [running]:
main.main()
\t/shop/main.go:12 +0x1d
exit status 2
"""
POSTGRES = """
2026-11-24 15:00:00.000 UTC [7] FATAL:  could not create lock file "postmaster.pid": No space left on device
2026-11-24 15:00:00.000 UTC [7] LOG:  database system is shut down
"""


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (NODE, "Cannot find package 'pg'"),
        (PYTHON, "psycopg.OperationalError: connection refused"),
        (JAVA, "Caused by: java.net.ConnectException: Connection refused"),
        (GO, "panic: dial tcp"),
        (POSTGRES, "No space left on device"),
        ("first\nthe last one\n\n", "the last one"),
        ("0 errors\nError handling is on\nbye", "bye"),
        ("", ""),
    ],
)
def test_the_line_that_says_why_is_found(output: str, why: str) -> None:
    found = telling_line(output.splitlines())
    assert why in found
    assert bool(found) == bool(why)
