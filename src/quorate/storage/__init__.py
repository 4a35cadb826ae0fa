"""What outlives the process: runs, keys, tenants; SQLite or PostgreSQL behind one schema."""
