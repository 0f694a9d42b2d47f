"""The local runtime: real servers as processes of this machine, without Docker."""
