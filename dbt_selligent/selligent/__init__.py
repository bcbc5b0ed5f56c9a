"""Selligent's REST API: one method per call, and what an answer means."""
