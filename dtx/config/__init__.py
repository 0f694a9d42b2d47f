"""system.toml as frozen values, with errors that name file, key and the nearest match."""
