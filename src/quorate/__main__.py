"""`python -m quorate`: the command."""

from quorate.cli.main import run

if __name__ == "__main__":
    run()
