"""What every route of the HTTP API shares: envelope, bodies, views, pages, schema."""
