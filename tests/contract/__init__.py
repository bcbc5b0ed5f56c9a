"""Every case of delta, commit, kill and change of schema, once, on every warehouse."""
