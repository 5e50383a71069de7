"""The reference zero-data-retention backend: a real service over real stores, to audit and to break on purpose."""
