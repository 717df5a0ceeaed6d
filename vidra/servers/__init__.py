"""Media servers as sources: Plex, Jellyfin and folders of this machine behind one interface.

Start with `factory` (server objects and probers), `pool` (the shared HTTP pool) and `interface` (the values);
sign-in is in `plex_account` and `jellyfin_login`, what follows a download in `announce`.
"""
