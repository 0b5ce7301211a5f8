"""``python -m peelian``."""

from peelian.cli import main

main()
