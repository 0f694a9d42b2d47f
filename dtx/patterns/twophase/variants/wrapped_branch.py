"""A branch that does what another one does: for variants that do one thing differently."""

from dtx.patterns.twophase.identity import BranchId
from dtx.patterns.twophase.resource import Branch, Vote


class WrappedBranch:
    """Passes everything on to `branch`."""

    def __init__(self, branch: Branch) -> None:
        self.branch = branch

    @property
    def id(self) -> BranchId:
        """Its name."""
        return self.branch.id

    async def prepare(self) -> Vote:
        """Vote."""
        return await self.branch.prepare()

    async def commit(self) -> None:
        """Commit."""
        await self.branch.commit()

    async def commit_alone(self) -> None:
        """Commit."""
        await self.branch.commit_alone()

    async def roll_back(self) -> None:
        """Undo it."""
        await self.branch.roll_back()
