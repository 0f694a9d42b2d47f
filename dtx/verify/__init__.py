"""Pure judges: history, observations and contract in, a verdict with its evidence out."""
