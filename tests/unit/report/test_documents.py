"""The formats for programs: JSON and JUnit."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from dtx.core.run_folder import SCHEMA
from dtx.core.verdict import Finding, ReaderSummary, Status, StoryLine, Verdict
from dtx.report.json_document import encode, run_document
from dtx.report.junit import junit_xml
from tests.support.verdicts import (
    CHECKERS,
    GUILTY,
    make_broken_sums,
    make_holds,
    make_plan,
    make_unknown,
    make_violated,
)


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [
        (make_holds(), "holds", 0),
        (make_violated(), "violated", 1),
        (make_unknown(), "unknown", 3),
    ],
)
def test_the_document_says_status_and_exit_code(verdict: Verdict, status: str, code: int) -> None:
    document = json.loads(encode(run_document(make_plan(), verdict, Path("runs/a"))))
    assert (document["schema"], document["status"], document["exit_code"]) == (SCHEMA, status, code)
    assert document["folder"] == "runs/a"
    assert document["command"] == "dtx run saga --fault partition --seed 7"
    assert "system" not in document["plan"]


def test_the_documents_verdict_can_be_read_back() -> None:
    document = run_document(make_plan(), make_violated(), Path("a"))
    assert msgspec.convert(document["verdict"], Verdict) == make_violated()
    assert document["violated"] == ["atomicity", "no-phantom"]


def _suite(verdict: Verdict) -> ET.Element:
    suite = ET.fromstring(junit_xml(make_plan(), verdict, 12.5)).find("testsuite")
    assert suite is not None
    return suite


def test_a_run_that_holds_has_only_passed_cases() -> None:
    suite = _suite(make_holds())
    assert [case.get("name") for case in suite.iter("testcase")] == list(CHECKERS)
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "0")


def test_what_readers_saw_is_a_property_of_the_suite() -> None:
    reader = ReaderSummary(
        reader="audit", reads=9, dirty=2, unmarked=1, total=5, wrong_sums=3, low=-4
    )
    (told,) = _suite(make_holds(readers=(reader,))).findall(
        "properties/property[@name='reads.audit']"
    )
    assert told.get("value") == (
        "9 reads, 2 dirty (1 unmarked), 0 fractured, 0 went back, 3 wrong sums, off by -4 to +0"
    )


def test_a_violation_is_a_failure_with_its_story() -> None:
    suite = _suite(make_violated())
    assert (suite.get("failures"), suite.get("errors")) == ("2", "0")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert GUILTY in str(failure.get("message"))
    assert "debit asked in vain" in str(failure.text)


def test_broken_sums_are_a_failure_with_the_story_of_a_suspect() -> None:
    failure = _suite(make_broken_sums()).find("testcase/failure")
    assert failure is not None
    assert "ann: payments-db 600, orders-db 1200 (600 too little)" in str(failure.text)
    assert f"{GUILTY} is not accused, but touched ann, where the sum is wrong" in str(failure.text)
    assert f"submits {GUILTY}" in str(failure.text)


def test_what_did_not_end_is_a_failure_with_the_story_of_the_one_under_way_longest() -> None:
    finding = Finding(
        checker="convergence", claim="all ends", summary="not quiet", subjects=(), evidence=()
    )
    violated = make_violated()
    checks = tuple(
        msgspec.structs.replace(check, status=Status.VIOLATED, findings=(finding,), tx=GUILTY)
        if check.checker == "convergence"
        else check
        for check in make_holds().checks
    )
    failure = _suite(msgspec.structs.replace(violated, checks=checks)).find("testcase/failure")
    assert failure is not None
    assert f"{GUILTY} is not accused, but under way longest" in str(failure.text)
    assert f"submits {GUILTY}" in str(failure.text)


def test_an_unknown_run_has_an_error_even_if_every_checker_could_judge() -> None:
    assert _suite(make_unknown()).get("errors") == "1"
    only_reasons = make_holds(status=Status.UNKNOWN, reasons=("t000001 is invoked twice",))
    suite = _suite(only_reasons)
    assert suite.get("errors") == "1"
    assert "invoked twice" in ET.tostring(suite, encoding="unicode")


def test_what_is_not_claimed_is_skipped() -> None:
    checks = tuple(msgspec.structs.replace(c, is_claimed=False) for c in make_violated().checks)
    assert _suite(make_violated(checks=checks)).get("skipped") == str(len(CHECKERS))


def test_control_codes_in_a_story_leave_the_xml_readable() -> None:
    story = (StoryLine(at_s=1.0, who="orders", what="\x1b[2J\x00 <&>"),)
    assert "<&>" in "".join(_suite(make_violated(stories={GUILTY: story})).itertext())
