"""How long to wait between attempts: exponential, with full jitter and a cap.

Full jitter spreads the retries of many callers evenly, where a fixed back-off makes them come back together
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pauses drawn from [0, min(cap_s, base_s * 2^(attempt - 1))]."""

    base_s: float = 0.05
    cap_s: float = 1.0
    chance: random.Random = field(default_factory=random.Random)

    def pause_s(self, attempt: int) -> float:
        """Return the pause after failed attempt `attempt` (1, 2, ...), in seconds."""
        doublings = min(attempt - 1, 30)
        return self.chance.uniform(0.0, min(self.cap_s, self.base_s * 2**doublings))
