"""A minimal Debian file system, made by debootstrap from the mirrors that this machine's own apt uses."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dtx.core.errors import ProvisionError

DEBOOTSTRAP_WITHIN_S = 900
MIRROR_VARIABLE = "DTX_DEBIAN_MIRROR"
"""Environment variable with the mirror to use where this machine is no Debian."""

DEFAULT_SUITE = "bookworm"

_APT_PREFIXES = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries")
"""What of this machine's apt configuration decides whether a mirror is reached and believed."""

_CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSetup:
    """How this machine reaches Debian.

    Attributes:
        mirror: where debootstrap takes packages from.
        suite: `bookworm`.
        sources: lines of a sources.list.
        configuration: lines of an apt.conf: proxies, time-outs, dates that are not checked.
    """

    mirror: str
    suite: str
    sources: tuple[str, ...]
    configuration: tuple[str, ...]


def host_apt_setup() -> AptSetup:
    """Return this machine's mirrors where it is a Debian, else the one that DTX_DEBIAN_MIRROR names.

    Raises:
        ProvisionError: there is neither.
    """
    suite = _debian_suite()
    targets = _output("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)",
                      "Created-By: Packages") if suite else ""  # fmt: skip
    configuration = _output("apt-config", "dump", "Acquire")
    given = os.environ.get(MIRROR_VARIABLE)
    if given:
        targets = f"{given} {suite or DEFAULT_SUITE} main"
    return parse_apt_setup(suite or DEFAULT_SUITE, targets, configuration)


def parse_apt_setup(suite: str, targets: str, configuration: str) -> AptSetup:
    """Pick out what counts.

    Args:
        suite: `bookworm`.
        targets: lines `SITE RELEASE COMPONENT` of `apt-get indextargets`.
        configuration: lines `Acquire::http::Proxy "http://...";` of `apt-config dump`.

    Third parties' sources are left out: the new system would not have their keys.

    Raises:
        ProvisionError: no source is a mirror of the suite.
    """
    known = {suite, f"{suite}-updates", f"{suite}-security"}
    lines = [line.split() for line in targets.splitlines()]
    usable = dict.fromkeys(
        (site, release, component)
        for site, release, component in (line for line in lines if len(line) == 3)
        if release in known and component == "main"
    )
    mirror = next((site for site, release, _ in usable if release == suite), None)
    if mirror is None:
        raise ProvisionError(
            f"apt on this machine names no mirror of Debian {suite}, from which the images are built",
            hint=f"set {MIRROR_VARIABLE} to the address of one",
        )
    return AptSetup(
        mirror=mirror,
        suite=suite,
        sources=tuple(f"deb {site} {release} {component}" for site, release, component in usable),
        configuration=tuple(
            line for line in configuration.splitlines() if line.startswith(_APT_PREFIXES)
        ),
    )


def proxy_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies of an environment, for the build's own."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    return {n: environment[n] for name in names for n in (name, name.upper()) if n in environment}


def make_base(folder: Path, setup: AptSetup) -> None:
    """Fill an empty folder with a minimal Debian (25-60 s).

    Raises:
        ProvisionError: debootstrap is absent or failed, or this user may not run it.
    """
    program = shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise ProvisionError(
            "building images needs debootstrap, which is not here",
            hint="apt-get install debootstrap",
        )
    if os.geteuid() != 0:
        raise ProvisionError(
            "building images needs root: debootstrap makes a system of its own",
            hint="run `dtx images build` once as root, or name images with DTX_IMAGE_*",
        )
    # A mount namespace of its own: what debootstrap mounts below the folder goes with it, even if it is
    # killed, so that removing the folder can never walk into this machine's /proc.
    command = [
        "unshare",
        "--mount",
        program,
        "--variant=minbase",
        setup.suite,
        str(folder),
        setup.mirror,
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEBOOTSTRAP_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(f"debootstrap took over {DEBOOTSTRAP_WITHIN_S} s") from error
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise ProvisionError(
            f"debootstrap failed with {setup.mirror}: {last}",
            hint="a Debian mirror must be reachable; dtx takes the one of this machine's apt",
        )
    _configure(folder, setup)


def _configure(folder: Path, setup: AptSetup) -> None:
    (folder / "etc/apt/sources.list").write_text("\n".join(setup.sources) + "\n")
    (folder / "etc/apt/apt.conf.d/99dtx").write_text("\n".join(setup.configuration) + "\n")
    if any(" https://" in line for line in setup.sources):
        # The minimal system has no certificates: it believes whom this machine believes.
        target = folder / _CERTIFICATES
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("/") / _CERTIFICATES, target)


def _debian_suite() -> str | None:
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return None
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if values.get("ID", "").strip('"') != "debian":
        return None
    return values.get("VERSION_CODENAME", "").strip('"') or None


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
