"""Evaluation: what agreement is worth on recorded answers, with intervals, as data, text, pages and pictures."""
