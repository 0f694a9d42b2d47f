"""Saga, orchestrated: the reference system; docs/patterns/saga.md explains the protocol."""
