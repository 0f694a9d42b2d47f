"""Moments as run folders hold them."""

from typing import Annotated

import msgspec

Ns = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Nanoseconds on some clock. What does not fit 64 bits is a damaged record, not a moment."""
