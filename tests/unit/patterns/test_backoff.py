"""Pauses between attempts."""

import random

from dtx.patterns.common.backoff import Backoff


def test_pauses_stay_below_a_bound_that_doubles_up_to_the_cap() -> None:
    backoff = Backoff(base_s=0.1, cap_s=1.0, chance=random.Random(1))
    for attempt, bound_s in ((1, 0.1), (2, 0.2), (4, 0.8), (5, 1.0), (5000, 1.0)):
        pauses = [backoff.pause_s(attempt) for _ in range(500)]
        assert 0 <= min(pauses) < 0.1 * bound_s
        assert 0.9 * bound_s < max(pauses) <= bound_s
