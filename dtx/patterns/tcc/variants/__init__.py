"""Programs that are broken on purpose, as real ones were; `dtx selftest` must convict each."""
