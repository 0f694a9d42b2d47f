"""MariaDB as a target: how a server is set up, what is read from it, and what a fault can do inside it."""
