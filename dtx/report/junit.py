"""One run as JUnit XML: a test case for each claimed checker, which pipelines show as they show tests."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from dtx.core.run_folder import Plan
from dtx.core.verdict import CheckResult, Finding, Status, Verdict
from dtx.report import deadlocks
from dtx.report.headline import subject
from dtx.report.readers import in_short
from dtx.report.violation import standing
from dtx.report.wording import command_line

# XML 1.0 can't hold these, not even escaped (https://www.w3.org/TR/xml/#charsets).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(plan: Plan, verdict: Verdict, took_s: float) -> bytes:
    """Return the document: `failure` for a violation, `error` for what is unknown, `skipped` for what is not claimed.

    A verdict that is unknown though every checker could judge has a case `verdict` with the reasons.
    """
    cases = [_case(check, plan, verdict) for check in verdict.checks]
    if verdict.status is Status.UNKNOWN and not any(c.find("error") is not None for c in cases):
        whole = ET.Element("testcase", name="verdict", classname=_legal(subject(plan)))
        ET.SubElement(whole, "error", message="unknown").text = _legal("\n".join(verdict.reasons))
        cases.append(whole)
    suite = ET.Element(
        "testsuite",
        name=_legal(f"dtx {subject(plan)}, seed {plan.seed}"),
        tests=str(len(cases)),
        failures=str(sum(c.find("failure") is not None for c in cases)),
        errors=str(sum(c.find("error") is not None for c in cases)),
        skipped=str(sum(c.find("skipped") is not None for c in cases)),
        time=f"{took_s:.3f}",
        timestamp=plan.created,
    )
    properties = ET.SubElement(suite, "properties")
    told = [(f"reads.{reader.reader}", in_short(reader)) for reader in verdict.readers]
    if verdict.waiting is not None:
        told.append(("waits", deadlocks.in_short(verdict.waiting)))
    for name, value in (("seed", str(plan.seed)), ("command", command_line(plan.command)), *told):
        ET.SubElement(properties, "property", name=name, value=_legal(value))
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(check: CheckResult, plan: Plan, verdict: Verdict) -> ET.Element:
    case = ET.Element("testcase", name=check.checker, classname=_legal(subject(plan)))
    if not check.is_claimed:
        ET.SubElement(case, "skipped", message="the contract does not claim it")
    elif check.status is Status.VIOLATED:
        for finding in check.findings:
            failure = ET.SubElement(case, "failure", message=_legal(finding.summary))
            failure.text = _legal(
                "\n".join(
                    (finding.claim, "", *finding.evidence, "", *_story(check, finding, verdict))
                )
            )
    elif check.status is Status.UNKNOWN:
        ET.SubElement(case, "error", message=_legal(check.reason))
    return case


def _story(check: CheckResult, finding: Finding, verdict: Verdict) -> Iterator[str]:
    """Yield the story of the violating transaction, or of a suspect or an example, with what it is."""
    suspect = check.tx if finding.suspect is None else finding.suspect.tx
    tx = finding.tx or suspect or ""
    if finding.tx is None and tx in verdict.stories:
        yield f"{tx} is {standing(verdict, tx)}"
    for line in verdict.stories.get(tx, ()):
        yield f"{line.at_s:.3f} s  {line.who}: {line.what}"


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
