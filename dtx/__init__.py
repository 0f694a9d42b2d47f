"""dtx: a chaos harness that proves whether distributed transactions stay atomic."""

__version__ = "0.1.0"
