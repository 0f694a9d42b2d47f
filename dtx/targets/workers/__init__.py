"""Workers as processes: started and killed as trees, their logs collected, their crash points armed."""
