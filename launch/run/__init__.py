"""`piecework run`: a prompt to several agents, from the terminal."""
