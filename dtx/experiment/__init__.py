"""The composition root: a session holds an environment, a trial goes from plan to verdict. Prints nothing."""
