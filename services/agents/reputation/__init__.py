"""What is known of the work of agents."""
