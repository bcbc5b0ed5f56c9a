"""One HTML page that says whether it went out: records of the states, in words, in charts."""
