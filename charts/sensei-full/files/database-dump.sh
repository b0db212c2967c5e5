exit 1 # placeholder
