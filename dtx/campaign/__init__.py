"""Many experiments: matrix and selftest. Prints nothing."""
