"""What an answer must be: reading a text as a value, checking it, mending it."""
