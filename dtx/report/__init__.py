"""One format a module: terminal, live view, plain progress, JSON, JUnit. Reads verdicts, decides nothing."""
