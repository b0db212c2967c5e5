"""What install, upgrade and rollback do, step by step; their plans; and starting a runner for them."""
