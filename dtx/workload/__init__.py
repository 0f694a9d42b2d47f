"""What clients submit: transactions drawn from the seed, an open-loop driver, and the question what became of them."""
