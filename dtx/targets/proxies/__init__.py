"""Links through Toxiproxy: its API and binary, hurting and healing by link, traffic by the kernel's counters."""
