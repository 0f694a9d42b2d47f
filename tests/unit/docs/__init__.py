"""Pages that hold programs."""
