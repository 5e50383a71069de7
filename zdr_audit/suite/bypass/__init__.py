"""Ways round a block: the corpus as data, its schema, and what turns a form and an endpoint into a request."""
