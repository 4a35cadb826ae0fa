"""What an answer must be: coercing a text to a value, checking it, mending it. Pure functions, but for the compiled schema."""
