"""``python -m peelian.cli``."""

from peelian.cli import main

main()
