"""Tests of Vidra; the tree mirrors the source, `fundamentals/` reads as the tutorial."""
