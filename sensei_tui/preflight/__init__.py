"""Will it fit, and what is in the way? Facts are collected, checks judge them: pure functions give findings."""
