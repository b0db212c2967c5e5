"""What the terminal can do, and keeping it sane."""
