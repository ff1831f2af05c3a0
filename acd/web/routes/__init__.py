"""One module per resource; each lists its ENDPOINTS."""
