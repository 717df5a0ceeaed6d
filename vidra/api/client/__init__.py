"""The face of the existing Vidra client, versions 1.4.0 to 1.7.8, by its contract."""
