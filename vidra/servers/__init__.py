"""Media servers as sources: Plex, Jellyfin and folders of this machine behind one interface."""
