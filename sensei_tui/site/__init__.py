"""The site directory: configuration, values, schema, secrets, licence."""
