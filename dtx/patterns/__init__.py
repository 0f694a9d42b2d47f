"""The built-in systems, one folder each. Their workers are programs: nothing imports them."""
