"""`python -m gradino`."""

from gradino.cli import main

main()
