"""The command line. One file for each command group; never imports Textual."""
