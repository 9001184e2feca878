"""Figures and small display helpers that the lessons call, so that a lesson's cells teach."""
