"""The checkers that judge every run, in the order in which reports list them."""

from typing import Final

from dtx.verify.check import Checker
from dtx.verify.checkers import (
    atomicity,
    compensation,
    conservation,
    convergence,
    death,
    durability,
    exactly_once,
    isolation,
    no_phantom,
    residue,
    vacuity,
)

CHECKERS: Final[tuple[Checker, ...]] = (
    atomicity.CHECKER,
    durability.CHECKER,
    no_phantom.CHECKER,
    exactly_once.CHECKER,
    compensation.CHECKER,
    isolation.CHECKER,
    conservation.CHECKER,
    convergence.CHECKER,
    residue.CHECKER,
    death.CHECKER,
    vacuity.CHECKER,
)
