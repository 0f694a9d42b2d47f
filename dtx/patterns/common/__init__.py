"""What the workers of all patterns share; imports nothing else of dtx."""
