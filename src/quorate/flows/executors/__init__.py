"""What a step can do; one executor to a file."""
