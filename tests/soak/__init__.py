"""Kills of the real process, at every durable step and at random, and a soak of all of it."""
