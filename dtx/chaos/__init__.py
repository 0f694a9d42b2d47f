"""Faults as data and the nemesis that carries them out; knows the environment only through dtx.core.ports."""
