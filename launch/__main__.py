"""`python -m launch` is `piecework`, for programs that know their interpreter but not its scripts."""

from launch.cli import main

main()
