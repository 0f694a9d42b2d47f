"""Databases, Toxiproxy, worker processes, and the two runtimes that bring them up."""
