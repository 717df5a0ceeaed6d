"""The shim: a small, guarded HTTP and WebSocket door to the engine and to what the state says.

`create_app` makes it out of a `Backend`; `vidra.api.server` listens. It decides nothing and keeps
no job state: it checks, asks the engine, and streams what the change feed tells.
"""
