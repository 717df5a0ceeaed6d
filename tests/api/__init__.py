"""Tests of the shim: a real server on a real socket, asked by real clients."""
