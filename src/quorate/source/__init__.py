"""YAML text read into values and sections that know where they stand."""
