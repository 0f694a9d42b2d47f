"""Bad input that needs no server: what, where, what to do, in at most three lines, and exit code 2."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dtx.core.exit_codes import ExitCode
from tests.property.fuzz.recorded import record
from tests.support.verdicts import make_holds, make_plan, write_run
from tests.unit.cli.conftest import Answer, Dtx
from tests.unit.config.sample import TEXT, write


def refused(answer: Answer, *said: str, code: ExitCode = ExitCode.USAGE) -> None:
    assert answer.code is code, answer.err
    lines = answer.err.splitlines()
    assert 1 <= len(lines) <= 3, answer.err
    assert all(line.isprintable() and len(line) <= 1010 for line in lines), answer.err
    assert answer.out == ""
    for words in said:
        assert words in answer.err


PLAN = ("--plan", "--runtime", "local")


class TestSystemFile:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "system.toml"),
            (b"[system\n", "system.toml:1:8: not valid TOML"),
            (TEXT.encode().replace(b"A shop", b"A \xff"), "system.toml:3:12: not UTF-8"),
            (TEXT.encode("utf-16"), "not UTF-8"),
            (b"a = " + b"[" * 5000, "not TOML that can be read"),
            (b"a = " + b"9" * 5000, "not TOML that can be read"),
            (b"# " + b"x" * 2_000_000, "larger than 1 MB"),
            (b"x = 9223372036854775808", "x: does not fit 64 bits"),
            (b"x = nan", "x: NaN is not a finite number"),
            (b"x = 1979-05-27", "is a date or time, which no key takes"),
            (b"[sytem]\ntitle = 'x'\n", "system.toml"),
        ],
    )
    def test_file_that_is_no_system_names_the_place(
        self, dtx: Dtx, tmp_path: Path, content: bytes, said: str
    ) -> None:
        (write(tmp_path) / "system.toml").write_bytes(content)
        for words in (("show", "./shop"), ("run", "./shop", *PLAN)):
            refused(dtx(*words), said, "system.toml")

    def test_folder_in_place_of_the_file(self, dtx: Dtx, tmp_path: Path) -> None:
        file = write(tmp_path) / "system.toml"
        file.unlink()
        file.mkdir()
        refused(dtx("show", "./shop"), "has no system.toml")

    def test_link_that_leads_to_itself(self, dtx: Dtx, tmp_path: Path) -> None:
        file = write(tmp_path) / "system.toml"
        file.unlink()
        file.symlink_to("system.toml")
        refused(dtx("show", "./shop"), "has no system.toml")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_unreadable_file(self, dtx: Dtx, tmp_path: Path) -> None:
        (write(tmp_path) / "system.toml").chmod(0)
        refused(dtx("show", "./shop"), "Permission denied")

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("[workers.relay]", "[workers.rely]\nx=1", "unknown key"),
            ("{workers.payments.url}", "{workers.payment.url}", 'did you mean "payments"?'),
            ('role = "coordinator"', 'rol = "coordinator"', 'did you mean "role"?'),
        ],
    )
    def test_wrong_key_or_reference_has_a_suggestion(
        self, dtx: Dtx, tmp_path: Path, old: str, new: str, said: str
    ) -> None:
        write(tmp_path, TEXT.replace(old, new))
        refused(dtx("show", "./shop"), said)


class TestNumbers:
    @pytest.mark.parametrize("option", ["--rate", "--duration"])
    @pytest.mark.parametrize(
        "value", ["nan", "inf", "-inf", "-1", "0", "1e308", "1e999", "ten", "1,5"]
    )
    def test_odd_rate_or_duration(self, dtx: Dtx, option: str, value: str) -> None:
        refused(dtx("run", "saga", *PLAN, f"{option}={value}"), option)

    @pytest.mark.parametrize("value", ["nan", "1.5", "x", "9" * 5000])
    def test_odd_seed(self, dtx: Dtx, value: str) -> None:
        refused(dtx("run", "saga", *PLAN, f"--seed={value}"), "--seed")

    @pytest.mark.parametrize("value", ["-1", "0", str(10**30)])
    def test_any_whole_seed_will_do(self, dtx: Dtx, value: str) -> None:
        assert dtx("run", "saga", *PLAN, f"--seed={value}").code is ExitCode.HOLDS


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ("kil", 'did you mean "kill"?'),
            ("partition@orders->payment", 'did you mean "orders->payments"?'),
            ("kill,att=2s", 'did you mean "at"?'),
            ("kill,at=11s", "at=11s lies outside a run of 10 s"),
            ("kill,at=9s,for=3s", "it would end at 12 s, after the run of 10 s"),
            ("kill,for=0", "for=0 hurts nothing"),
            ("kill,at=nan", "'nan' is no time"),
            ("none+kill", "--fault none contradicts --fault kill"),
            ("partition@orders->payments+stall@orders->payments", "is already hurt by partition"),
            ("fragment:" + "9" * 5000, "is no size"),
            ("jitter:" + "9" * 400, "is no time"),
            ("stall\n\x1b[31m", "--fault stall"),
            ("file:/nonexistent/schedule.toml", "/nonexistent/schedule.toml: can't be read"),
            ("file:.", "can't be read: Is a directory"),
            ("file:/dev/zero", "larger than 1 MB"),
            ("file:" + "x" * 5000, "File name too long"),
        ],
    )  # fmt: skip
    def test_wrong_fault_names_itself(self, dtx: Dtx, fault: str, said: str) -> None:
        refused(dtx("run", "saga", *PLAN, f"--fault={fault}"), said)

    def test_argument_that_is_not_utf8(self, dtx: Dtx) -> None:
        refused(dtx("run", os.fsdecode(b"\xff"), "--plan"), "is not UTF-8")


class TestPlaces:
    @pytest.mark.parametrize("out", ["/dev/null/x", "/proc/x", "file/x", "x" * 300])
    def test_out_that_cannot_be_made(self, dtx: Dtx, tmp_path: Path, out: str) -> None:
        (tmp_path / "file").touch()
        answer = dtx("run", "saga", "--runtime", "local", "--out", out, "--quiet")
        refused(answer, "can't make the run folder", "--out DIR")

    @pytest.mark.parametrize("junit", ["/dev/null/x", "/proc/x/y", "file/x", "folder", "x" * 300])
    def test_junit_that_cannot_be_written_is_refused_before_anything_is_run(
        self, dtx: Dtx, tmp_path: Path, junit: str
    ) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        answer = dtx("run", "saga", "--runtime", "local", "--junit", junit, "--quiet")
        refused(answer, f"--junit {junit}: can't be written", "hint: ")
        assert not (tmp_path / ".dtx").exists()

    @pytest.mark.parametrize("words", [["list", "runs"], ["check", "x"], ["show", "x"]])
    @pytest.mark.parametrize("out", ["file", "x" * 300, "loop"])
    def test_runs_that_cannot_be_listed(
        self, dtx: Dtx, tmp_path: Path, out: str, words: list[str]
    ) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "loop").symlink_to("loop")
        refused(dtx(*words, "--out", out), out)

    def test_schedule_that_cannot_be_saved(self, dtx: Dtx) -> None:
        refused(dtx("run", "saga", *PLAN, "--save-schedule", "/nonexistent/x"), "can't be written")


def _gone(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _noise(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 8)


def _deep(file: Path) -> None:
    file.write_bytes(b"[" * 100_000 + b"\n{}\n")


def _huge(file: Path) -> None:
    file.write_bytes(b'{"x": "' + b"y" * 5_000_000 + b'"}\n{}\n')


def _newer(file: Path) -> None:
    file.write_bytes(b'{"schema": 2}\n')


DAMAGES = (_gone, _folder, _loop, _pipe, _empty, _cut, _noise, _deep, _huge, _newer)
TOLERATED = {
    ("history.jsonl", _empty): "nothing was recorded",
    ("history.jsonl", _cut): "the last line is torn, as a killed harness leaves it",
    ("observations/complete.json", _gone): "the run ended before",
    ("observations/pending.jsonl", _newer): "",
    ("verdict.json", _gone): "it is judged again",
}


class TestRunFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return record(tmp_path / ".dtx" / "runs" / "a").path

    @pytest.mark.parametrize(
        "name",
        ["plan.json", "history.jsonl", "observations/complete.json", "observations/effects.jsonl"],
    )
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_damaged_file_is_named_by_check(
        self, dtx: Dtx, folder: Path, name: str, damage: Callable[[Path], None]
    ) -> None:
        damage(folder / name)
        answer = dtx("check", str(folder))
        if (name, damage) in TOLERATED:
            assert answer.code in (ExitCode.VIOLATED, ExitCode.UNKNOWN)
        else:
            refused(answer, name)

    @pytest.mark.parametrize("name", ["plan.json", "verdict.json"])
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_damaged_file_is_named_by_show_and_list(
        self, dtx: Dtx, folder: Path, name: str, damage: Callable[[Path], None]
    ) -> None:
        other = write_run(folder.parent / "b", make_plan(), make_holds()).path
        damage(folder / name)
        listed = dtx("list", "runs")
        assert listed.code is ExitCode.HOLDS
        assert f"{other.name} " in listed.out
        if damage is _gone:
            return
        refused(dtx("show", str(folder)), name if name == "verdict.json" else "")

    @pytest.mark.parametrize("damage", [_folder, _loop, _pipe])
    def test_log_that_is_none_is_named(
        self, dtx: Dtx, folder: Path, damage: Callable[[Path], None]
    ) -> None:
        damage(folder / "logs" / "orders.log")
        refused(dtx("show", "a", "--tx", "t000001"), "orders.log")

    @pytest.mark.parametrize("damage", [_gone, _empty, _cut, _noise, _deep, _huge])
    def test_damaged_log_changes_no_verdict(
        self, dtx: Dtx, folder: Path, damage: Callable[[Path], None]
    ) -> None:
        damage(folder / "logs" / "orders.log")
        assert dtx("check", "a").code is ExitCode.VIOLATED

    def test_newer_folder_asks_for_an_upgrade(self, dtx: Dtx, folder: Path) -> None:
        _newer(folder / "plan.json")
        refused(dtx("check", "a"), "schema 2 is newer than this dtx reads (1)", "upgrade dtx")

    def test_lost_history_is_no_empty_one(self, dtx: Dtx, folder: Path) -> None:
        _gone(folder / "history.jsonl")
        refused(dtx("check", "a"), "history.jsonl: missing, though the run came to its end")

    def test_verdict_that_cannot_be_written_is_still_told(self, dtx: Dtx, folder: Path) -> None:
        (folder / "verdict.json").unlink()
        (folder / "verdict.json").mkdir()
        answer = dtx("check", "a")
        assert answer.code is ExitCode.VIOLATED
        assert "VIOLATED" in answer.out
        assert "verdict.json: can't be written" in answer.err

    @pytest.mark.parametrize(
        ("name", "old", "new"),
        [
            ("history.jsonl", b'"at_ns":', b'"at_ns":1' + b"0" * 400),
            ("plan.json", b'"timeout_s": 2.5', b'"timeout_s": 1' + b"0" * 400),
        ],
    )
    def test_number_that_nothing_holds_is_named(
        self, dtx: Dtx, folder: Path, name: str, old: bytes, new: bytes
    ) -> None:
        content = (folder / name).read_bytes()
        assert old in content
        (folder / name).write_bytes(content.replace(old, new, 1))
        refused(dtx("check", "a"), name)
