"""The saga broken on purpose, one bug a module; each replaces one small part of the reference."""
