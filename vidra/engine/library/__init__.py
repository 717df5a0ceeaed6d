"""Libraries for those who read them and act on them: the command line, the API, and tasks."""
