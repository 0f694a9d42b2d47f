"""Transaction managers that are broken on purpose, each after a real bug."""
