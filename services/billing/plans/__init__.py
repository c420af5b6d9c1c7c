"""Plans: what operators may use, and how much of it they have used."""
