"""One file for each format: from bytes to text, within a worker process."""
