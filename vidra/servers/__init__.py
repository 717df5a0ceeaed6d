"""Media servers as sources: Plex, Jellyfin and folders of this machine behind one interface.

Import from `interface`, `plex`, `plex_account`, `jellyfin`, `jellyfin_login`, `local` and `paths`.
"""
