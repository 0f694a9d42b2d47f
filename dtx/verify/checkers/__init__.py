"""The checkers, one invariant a file; `dtx.verify.registry` lists them."""
