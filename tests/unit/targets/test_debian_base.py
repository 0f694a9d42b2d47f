"""What is taken over from this machine's apt when a base image is made."""

import os
import shutil
from pathlib import Path

import pytest

from dtx.core.errors import ProvisionError
from dtx.targets.docker.debian_base import (
    MIRROR_VARIABLE,
    host_apt_setup,
    make_base,
    parse_apt_setup,
    proxy_variables,
)

TARGETS = """\
https://mirror.example/debian trixie main
https://mirror.example/debian trixie contrib
https://mirror.example/debian trixie-updates main
https://mirror.example/debian-security trixie-security main
https://apt.example.org trixie-pgdg main
"""


def test_mirror_and_sources_are_those_of_the_suite() -> None:
    setup = parse_apt_setup("trixie", TARGETS, "")
    assert setup.mirror == "https://mirror.example/debian"
    assert setup.sources == (
        "deb https://mirror.example/debian trixie main",
        "deb https://mirror.example/debian trixie-updates main",
        "deb https://mirror.example/debian-security trixie-security main",
    )


def test_sources_named_twice_are_taken_once() -> None:
    assert parse_apt_setup("trixie", TARGETS + TARGETS, "") == parse_apt_setup(
        "trixie", TARGETS, ""
    )


@pytest.mark.parametrize("targets", ["", "\n", "https://apt.example.org trixie-pgdg main\n"])
def test_machine_without_debian_sources_is_told_what_to_set(targets: str) -> None:
    with pytest.raises(ProvisionError, match="names no mirror of Debian bookworm") as caught:
        parse_apt_setup("bookworm", targets, "")
    assert MIRROR_VARIABLE in caught.value.hint


def test_mirror_that_the_user_names_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "https://mirror.example/debian")
    assert host_apt_setup().mirror == "https://mirror.example/debian"


def test_proxies_and_date_checks_are_taken_over_and_nothing_else() -> None:
    configuration = (
        'Acquire "";\nAcquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::Check-Date "false";\nAcquire::Languages "none";\nAPT::Architecture "amd64";\n'
    )
    assert parse_apt_setup("trixie", TARGETS, configuration).configuration == (
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::Check-Date "false";',
    )


def test_proxy_variables_are_found_in_both_spellings() -> None:
    environment = {"http_proxy": "a", "HTTPS_PROXY": "b", "PATH": "c"}
    assert proxy_variables(environment) == {"http_proxy": "a", "HTTPS_PROXY": "b"}


def test_absent_debootstrap_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ProvisionError) as raised:
        make_base(tmp_path, parse_apt_setup("trixie", TARGETS, ""))
    assert raised.value.hint == "apt-get install debootstrap"


def test_user_who_may_not_run_debootstrap_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/sbin/debootstrap")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ProvisionError, match="root"):
        make_base(tmp_path, parse_apt_setup("trixie", TARGETS, ""))
