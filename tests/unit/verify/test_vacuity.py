"""Vacuity: what each kind of fault must show to have landed."""

import msgspec
import pytest

from dtx.core.history import LinkEvidence, NodeEvidence, Outcome
from dtx.core.schedule import Omission, Proof
from dtx.core.verdict import Status
from tests.support.histories import (
    CRASHED_NODE,
    ENDED_SESSIONS,
    HELD_LINK,
    KILLED_NODE,
    LINK_EVIDENCE,
    LOCKED_NODE,
    PAUSED_NODE,
    POWERLESS_NODE,
    RESTARTED_NODE,
    RunBuilder,
)

OTHER_HELD = msgspec.structs.replace(HELD_LINK, link="payments->orders", request_bytes=0)


@pytest.fixture
def run() -> RunBuilder:
    builder = RunBuilder()
    builder.commit("t0001")
    builder.commit("t0002", 2.5)
    return builder


def evidence(proof: Proof) -> tuple[list[LinkEvidence], list[NodeEvidence]]:
    return {
        **{p: ([link], []) for p, link in LINK_EVIDENCE.items()},
        Proof.SILENCE: ([HELD_LINK, OTHER_HELD], []),
        Proof.DEATH: ([], [KILLED_NODE]),
        Proof.CRASH: ([], [CRASHED_NODE]),
        Proof.POWER_LOSS: ([], [POWERLESS_NODE]),
        Proof.RESTART: ([], [RESTARTED_NODE]),
        Proof.PAUSE: ([], [PAUSED_NODE]),
        Proof.SESSIONS: ([], [ENDED_SESSIONS]),
        Proof.LOCKS: ([], [LOCKED_NODE]),
    }[proof]


@pytest.mark.parametrize("proof", list(Proof))
def test_complete_proof_lands(run: RunBuilder, proof: Proof) -> None:
    links, nodes = evidence(proof)
    run.fault(proof, links=links, nodes=nodes)
    verdict = run.judge()
    assert verdict.status is Status.HOLDS
    (coverage,) = verdict.coverage
    assert coverage.has_landed
    assert coverage.reason


def test_lost_reply_proves_its_request(run: RunBuilder) -> None:
    link = msgspec.structs.replace(LINK_EVIDENCE[Proof.LOST_REPLY], request_bytes=0)
    run.fault(Proof.LOST_REPLY, links=[link], nodes=[])
    assert run.judge().coverage[0].has_landed


def test_connections_that_waited_already_prove_silence_though_nothing_more_was_sent(
    run: RunBuilder,
) -> None:
    link = msgspec.structs.replace(HELD_LINK, request_bytes=0, waiting=13)
    run.fault(Proof.SILENCE, links=[link], nodes=[])
    coverage = run.judge().coverage[0]
    assert coverage.has_landed
    assert "13 connections had asked just before" in coverage.reason


def test_connections_that_waited_prove_nothing_if_replies_came(run: RunBuilder) -> None:
    link = msgspec.structs.replace(HELD_LINK, request_bytes=0, reply_bytes=9, waiting=13)
    run.fault(Proof.SILENCE, links=[link], nodes=[])
    assert run.judge().status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("proof", "changes", "words"),
    [
        (Proof.SILENCE, {"request_bytes": 0}, "nothing was sent"),
        (Proof.SILENCE, {"reply_bytes": 9}, "9 bytes of replies came through"),
        (Proof.LOST_REPLY, {"reply_bytes": 9}, "9 bytes of replies came through"),
        (Proof.LOST_REPLY, {"dropped_reply_bytes": 0}, "no reply was lost"),
        (Proof.DEATH, {"processes": 0}, "no process of payments was there to end"),
        (Proof.UNANSWERED, {"request_bytes": 0}, "nothing was sent"),
        (Proof.UNANSWERED, {"answered": 2}, "2 requests were answered"),
        (Proof.LOST_REQUEST, {"answered": 2}, "2 requests were answered"),
        (Proof.LOST_REQUEST, {"dropped_request_bytes": 0}, "no request was lost"),
        (Proof.REFUSED, {"cut": 0}, "no connection in use was closed"),
        (Proof.REFUSED, {"left": 1}, "1 connections were still open"),
        (Proof.RESET, {"dropped_reply_bytes": 0}, "no answer was reset"),
        (Proof.CUT, {"cut": 0, "dropped_reply_bytes": 0}, "came so far"),
        (
            Proof.LATE,
            {"answered": 0, "touched": 0},
            "nothing on orders->payments could show it (answers to",
        ),
        (Proof.LATE, {"touched": 4}, "only 4 of 9 show it: answers"),
        (Proof.PIECES, {"touched": 0}, "only 0 of 9 show it: answers"),
        (Proof.LATE_CLOSE, {"answered": 0, "touched": 0}, "(connections that the source closed)"),
        (Proof.DEATH, {"connections": 0}, "no open connection"),
        (Proof.DEATH, {"silenced": 0}, "went silent"),
        (Proof.DEATH, {"restarted_after_s": None}, "not started again"),
        (Proof.RESTART, {"forced": 2}, "did not end by itself: 2 of its processes were killed"),
        (Proof.RESTART, {"silenced": 0}, "went silent"),
        (Proof.RESTART, {"restarted_after_s": None}, "not started again"),
        (Proof.PAUSE, {"processes": 0}, "no process of payments was there to stop"),
        (Proof.PAUSE, {"connections": 0, "silenced": 0}, "no open connection"),
        (Proof.PAUSE, {"silenced": 1}, "1 of 2 connections of payments went on speaking"),
        (Proof.PAUSE, {"held_bytes": 0}, "nothing was sent to payments while it was stopped"),
        (Proof.PAUSE, {"resumed_after_s": None}, "payments did not go on"),
        (Proof.SESSIONS, {"sessions": 0}, "payments-db had no session to end"),
        (Proof.SESSIONS, {"busy": 0}, "no session that was ended was in the midst of work"),
        (Proof.LOCKS, {"rows": 0}, "accounts of payments-db had no row to lock"),
        (Proof.LOCKS, {"waiters": 0}, "nobody waited for the locks in payments-db"),
        (Proof.CRASH, {"is_crash_reached": False}, "did not pass the crash point"),
    ],
)
def test_each_lack_is_named_and_makes_unknown(
    run: RunBuilder, proof: Proof, changes: dict[str, object], words: str
) -> None:
    links, nodes = evidence(proof)
    run.fault(
        proof,
        links=[msgspec.structs.replace(link, **changes) for link in links[:1]],
        nodes=[msgspec.structs.replace(node, **changes) for node in nodes],
    )
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert words in verdict.reasons[0]
    assert not verdict.coverage[0].has_landed


def test_a_cut_at_the_end_of_a_message_needs_no_lost_byte(run: RunBuilder) -> None:
    seen = msgspec.structs.replace(LINK_EVIDENCE[Proof.CUT], dropped_reply_bytes=0)
    run.fault(Proof.CUT, links=[seen])
    assert run.judge().coverage[0].has_landed


def test_pause_lands_on_unfinished_work_though_nothing_was_sent_meanwhile(run: RunBuilder) -> None:
    node = msgspec.structs.replace(PAUSED_NODE, held_bytes=0, resumed_bytes=20)
    run.fault(Proof.PAUSE, nodes=[node])
    assert run.judge().coverage[0].has_landed


@pytest.mark.parametrize(
    ("proof", "node"),
    [
        (Proof.DEATH, KILLED_NODE),
        (Proof.RESTART, RESTARTED_NODE),
        (Proof.PAUSE, PAUSED_NODE),
        (Proof.SESSIONS, ENDED_SESSIONS),
        (Proof.LOCKS, LOCKED_NODE),
    ],
)
def test_node_fault_on_an_idle_system_did_not_land(
    run: RunBuilder, proof: Proof, node: NodeEvidence
) -> None:
    run.fault(proof, nodes=[node], in_flight=0)
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert "no transaction was under way; raise --rate" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"is_injected": False, "is_over": False}, "never injected"),
        ({"injection_error": "proxy is gone"}, "could not be injected: proxy is gone"),
        ({"is_over": False}, "ended before it was healed"),
        ({"healing_error": "503"}, "not everything about it went well: 503"),
        ({"is_healed": False}, "nothing proves that orders->payments healed"),
    ],
)
def test_window_without_a_whole_life_did_not_land(
    run: RunBuilder, flags: dict[str, object], words: str
) -> None:
    run.fault(Proof.SILENCE, links=[HELD_LINK], **flags)  # type: ignore[arg-type]
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert any(words in reason for reason in verdict.reasons)


def test_one_window_of_two_that_did_not_land_makes_unknown(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, links=[HELD_LINK])
    run.fault(Proof.SILENCE, 5.0, 6.0, links=[OTHER_HELD])
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert "fault 2 (partition)" in verdict.reasons[0]


def test_evidence_stands_even_if_the_fault_did_not_land(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, links=[OTHER_HELD])
    run.forget("t0001")
    verdict = run.judge()
    assert verdict.status is Status.VIOLATED
    assert any("did not land" in reason for reason in verdict.reasons)


def test_run_without_commits_proves_nothing() -> None:
    run = RunBuilder()
    run.lose("t0001")
    run.refuse("t0002", 2.0)
    run.refuse("t0003", 3.0)
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert verdict.reasons == (
        "vacuity: no transaction of the main phase committed; most ended as t0002, which is told refused (409)",
    )
    assert verdict.stories.keys() == {"t0002"}


def test_who_saw_no_commit_under_a_fault_is_told_to_try_without() -> None:
    run = RunBuilder()
    run.refuse("t0001")
    run.fault(Proof.SILENCE)
    assert run.judge().reasons[-1].endswith("; then try --fault none")


def test_empty_run_proves_nothing() -> None:
    verdict = RunBuilder().judge()
    assert verdict.status is Status.UNKNOWN
    assert "committed, as none was submitted" in verdict.reasons[0]
    assert not verdict.stories


def test_run_that_is_convicted_has_the_story_of_who_is_accused_alone() -> None:
    run = RunBuilder()
    run.refuse("t0001")
    run.refuse("t0002")
    run.leave_open("t0002")
    verdict = run.judge()
    assert verdict.status is Status.VIOLATED
    assert verdict.stories.keys() == {"t0002"}


def test_what_the_warm_up_committed_is_not_enough() -> None:
    run = RunBuilder()
    run.commit("t0001", at_s=-1.0)
    run.refuse("t0002")
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert "no transaction of the main phase committed" in verdict.reasons[0]


def test_unknown_one_closed_as_committed_is_enough() -> None:
    run = RunBuilder()
    run.commit("t0001", outcome=Outcome.INFO)
    assert run.judge().status is Status.HOLDS


def test_a_run_whose_only_fault_did_not_come_is_unknown(run: RunBuilder) -> None:
    run.omitted = (Omission(fault="kill,p=0.1", at_s=2, until_s=4, chance=0.1),)
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert "kill,p=0.1 had a chance" in verdict.reasons[0]


def test_a_fault_that_did_not_come_beside_one_that_landed_is_told(run: RunBuilder) -> None:
    links, nodes = evidence(Proof.DEATH)
    run.fault(Proof.DEATH, links=links, nodes=nodes)
    run.omitted = (Omission(fault="partition,p=0.1", at_s=2, until_s=4, chance=0.1),)
    verdict = run.judge()
    assert verdict.status is Status.HOLDS
    assert verdict.omitted == run.omitted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unseen": "process 9 (go) is written in Go"}, "synced is not known, so nothing was cut"),
        ({"durable_files": 0}, "had none of its durable files"),
        ({"connections": 0}, "had no open connection"),
        ({"restarted_after_s": None}, "was not started again"),
    ],
)
def test_a_loss_of_power_that_took_nothing_known_has_not_landed(
    run: RunBuilder, change: dict[str, str | int | None], reason: str
) -> None:
    node = msgspec.structs.replace(POWERLESS_NODE, **change)
    run.fault(Proof.POWER_LOSS, nodes=[node])
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert reason in verdict.coverage[0].reason


@pytest.mark.parametrize(
    ("cut_bytes", "words"), [(0, "had all been synced"), (80, "lost 80 bytes")]
)
def test_a_loss_of_power_says_what_it_took(run: RunBuilder, cut_bytes: int, words: str) -> None:
    node = msgspec.structs.replace(POWERLESS_NODE, cut_bytes=cut_bytes)
    run.fault(Proof.POWER_LOSS, nodes=[node])
    assert words in run.judge().coverage[0].reason
