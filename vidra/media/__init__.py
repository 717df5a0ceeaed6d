"""The yt-dlp edge: options, addresses, names, extraction, download and verification."""
