"""The warm worker: takes runs from the pool and forks each from a process that has everything imported."""
