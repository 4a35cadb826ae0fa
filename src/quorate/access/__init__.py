"""Who may do what, and how much of it: keys, principals, authority, rate limits."""
