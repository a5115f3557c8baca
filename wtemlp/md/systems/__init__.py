"""Systems with a reference, as scripts of runs take them."""
