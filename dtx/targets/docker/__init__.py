"""The docker runtime: PostgreSQL and Toxiproxy in containers of a local engine, and their images."""
