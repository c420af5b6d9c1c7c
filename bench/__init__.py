"""The benchmark: Piecework beside an echo, a floor and its peers, in one run on one machine."""
