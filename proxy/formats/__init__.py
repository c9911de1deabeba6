"""Wire formats: the only place where a request's JSON is read or written."""
