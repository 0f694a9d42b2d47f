"""`python -m dtx` is `dtx`."""

from dtx.cli.main import main

if __name__ == "__main__":
    main()
