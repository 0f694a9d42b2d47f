"""Try, confirm, cancel: two phases on the level of business, with reservations that expire."""
