"""Values and ports that every layer shares; imports nothing else of dtx."""
