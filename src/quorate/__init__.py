"""Quorate: one prompt, many models, one answer with a measured agreement."""
