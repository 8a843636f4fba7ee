"""Features: columns of a table as a sparse matrix, fitted on training rows and kept as plain state."""
