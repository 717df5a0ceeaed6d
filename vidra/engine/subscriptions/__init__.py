"""Lists that are kept for ever: when they run, what is shown of them, and what is let go again."""
