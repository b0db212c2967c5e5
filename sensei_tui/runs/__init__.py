"""Plans, journals, the detached runner, and how consoles watch and steer it. Knows nothing of Helm."""
