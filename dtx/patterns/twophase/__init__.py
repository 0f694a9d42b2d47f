"""Two-phase commit: a transaction manager over resource managers of different vendors. The system is `2pc`."""
