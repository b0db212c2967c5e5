"""Parts without domain knowledge: errors, paths, processes, redaction, clock, text, quantities."""
