"""The charts' values: one source, from which the schema, values.yaml and the guide's page are written.

python -m tools.charts           write them
python -m tools.charts --check   say which of them are not as the source has them
"""
