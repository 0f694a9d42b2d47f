"""none: a run without any fault, to see that a system holds when nothing is hurt."""

from typing import Final

NAME: Final = "none"
SUMMARY: Final = "no fault at all; not to be joined with others"
