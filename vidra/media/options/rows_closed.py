"""Options that are not simply allowed, each with its reason: the owner's, the unused and the refused.

The reasons come from yt-dlp's own security advisories and from what other programs were attacked through.
"""

from __future__ import annotations

from vidra.media.options import kinds
from vidra.media.options.option import Option, ignored, never, owner

_FLAG = kinds.flag()
_SECRET_TEXT = kinds.text(r"[^\x00-\x1f\x7f]+", "a text of at most 500 characters", longest=500)
_PATH = kinds.text(r"[^\x00-\x1f]+", "a path", longest=4000)
_PROXY = kinds.text(
    r"(?i)(?:https?|socks(?:4a?|5h?))://[^\s]+", "an address like http://host:port or socks5://host:port"
)
_BROWSERS = ("brave", "chrome", "chromium", "edge", "firefox", "opera", "safari", "vivaldi", "whale")
_RUNS_PROGRAMS = "it runs programs"
_READS_FILES = "it reads files of this machine"
_OWN_DISPLAY = "Vidra shows progress and messages its own way"

_OWNERS = (
    owner(
        "proxy",
        _PROXY,
        param="proxy",
        secret=True,
        reason="a proxy sees everything, and reaches what we must not",
    ),
    owner(
        "geo_verification_proxy",
        _PROXY,
        param="geo_verification_proxy",
        secret=True,
        reason="a proxy reaches what we must not",
    ),
    owner(
        "source_address",
        kinds.text(r"[0-9a-fA-F.:]+", "an IP address of this machine"),
        param="source_address",
        reason="it chooses the network",
    ),
    owner("cookies", _PATH, "cookiefile", param="cookiefile", secret=True, reason=_READS_FILES),
    owner(
        "cookies_from_browser",
        kinds.text(rf"(?i)(?:{'|'.join(_BROWSERS)})(?:[+:].{{1,300}})?", f"one of {', '.join(_BROWSERS)}"),
        "cookiesfrombrowser",
        reason="it reads a browser's secrets on this machine",
    ),
    owner("client_certificate", _PATH, param="client_certificate", reason=_READS_FILES),
    owner("client_certificate_key", _PATH, param="client_certificate_key", reason=_READS_FILES),
    owner(
        "client_certificate_password",
        _SECRET_TEXT,
        param="client_certificate_password",
        secret=True,
        reason="it opens a key file of this machine",
    ),
    owner(
        "no_check_certificates",
        _FLAG,
        "nocheckcertificate",
        "no_check_certificate",
        param="nocheckcertificate",
        reason="it lets anybody on the way change what is downloaded",
    ),
    owner(
        "legacy_server_connect",
        _FLAG,
        "legacyserverconnect",
        param="legacyserverconnect",
        reason="it weakens encryption",
    ),
    owner("prefer_insecure", _FLAG, param="prefer_insecure", reason="it gives up encryption"),
    owner(
        "extractor_args",
        kinds.list_map("a map of extractors to maps of lists"),
        param="extractor_args",
        reason="some extractors take paths and servers from it",
    ),
    owner(
        "postprocessor_args",
        kinds.list_map("a map of post-processors to lists of arguments"),
        param="postprocessor_args",
        reason="arguments of ffmpeg can read and write any file",
    ),
    owner(
        "js_runtimes",
        kinds.list_map("a map of runtimes to their settings"),
        param="js_runtimes",
        reason=_RUNS_PROGRAMS,
    ),
    owner(
        "sponsorblock_api",
        kinds.text(r"https?://[\x21-\x7e]+", "an http(s) address"),
        reason="it makes Vidra talk to a server of somebody's choice",
    ),
)

_IGNORED = (
    ignored("ffmpeg_location", reason="Vidra uses its own ffmpeg"),
    ignored(
        "restrict_filenames",
        "restrictfilenames",
        "windows_filenames",
        "windowsfilenames",
        "trim_filenames",
        "trim_file_name",
        reason="Vidra's file names are safe on every system",
    ),
    ignored(
        "part",
        "nopart",
        "no_part",
        "continue",
        "continuedl",
        "continue_dl",
        "no_continue",
        reason="Vidra resumes by itself",
    ),
    ignored(
        "quiet",
        "verbose",
        "no_warnings",
        "progress",
        "noprogress",
        "no_progress",
        "newline",
        "progress_with_newline",
        "consoletitle",
        "console_title",
        "color",
        "no_color",
        "progress_delta",
        reason=_OWN_DISPLAY,
    ),
    ignored(
        "ignore_config", "ignoreconfig", "no_config", reason="yt-dlp's configuration files are never read"
    ),
    ignored("defer_complete", reason="the job says itself when it is complete"),
    ignored("warn_when_outdated", reason="`vidra doctor` tells"),
)

_NEVER = (
    never(
        "exec",
        "exec_cmd",
        "exec_before_download",
        "exec_before_dl_cmd",
        "exec_before_dl",
        reason=_RUNS_PROGRAMS,
        remedy="let a notification start it",
    ),
    never(
        "postprocessors",
        "add_postprocessors",
        "use_postprocessor",
        reason=_RUNS_PROGRAMS,
        remedy="use the options for each purpose, such as embed_metadata",
    ),
    never(
        "external_downloader",
        "downloader",
        "external_downloader_args",
        "downloader_args",
        reason="it runs programs that open the network past the guard",
    ),
    never(
        "netrc_cmd",
        "usenetrc",
        "netrc",
        "netrc_location",
        reason="addresses from the web choose what is run or read",
        remedy="use username and password",
    ),
    never("plugin_dirs", "no_plugin_dirs", reason="it loads code"),
    never("remote_components", reason="it downloads code and runs it"),
    never("compat_opts", "compat_options", reason="it switches off safety checks for the whole process"),
    never("enable_file_urls", reason=_READS_FILES),
    never("batch_file", "batchfile", reason=_READS_FILES, remedy="pass the addresses themselves"),
    never("load_info_json", "load_info_filename", reason=_READS_FILES),
    never(
        "config_location",
        "config_locations",
        reason=_READS_FILES,
        remedy="put the options into Vidra's configuration",
    ),
    never(
        "download_archive",
        "force_write_archive",
        "force_write_download_archive",
        reason="it reads and writes files of this machine; Vidra keeps one archive itself",
        remedy="set downloads.write_archive, or break_on_existing",
    ),
    never(
        "cache_dir",
        "cachedir",
        "rm_cache_dir",
        "rm_cachedir",
        reason="Vidra keeps the cache in its own folder",
    ),
    never("print_to_file", "print", "forceprint", reason="it writes files of any name"),
    never(
        "write_link",
        "writelink",
        "write_url_link",
        "writeurllink",
        "write_webloc_link",
        "writewebloclink",
        "write_desktop_link",
        "writedesktoplink",
        reason="shortcut files can run programs when opened",
    ),
    never(
        "write_pages", "load_pages", "dump_intermediate_pages", reason="it writes files outside the library"
    ),
    never("impersonate", reason="the library behind it resolves names by itself, past the guard"),
    never(
        "hls_prefer_native",
        "hls_prefer_ffmpeg",
        reason="ffmpeg must not open the network; HLS is always downloaded natively",
    ),
    never(
        "download_ranges",
        "download_sections",
        "force_keyframes_at_cuts",
        reason="yt-dlp cuts while ffmpeg downloads, and ffmpeg must not open the network",
    ),
    never(
        "allow_playlist_files", "write_playlist_metafiles", reason="files of lists are not part of an entry"
    ),
    never(
        "simulate",
        "skip_download",
        "test",
        "list_formats",
        "listformats",
        "dump_json",
        "forcejson",
        reason="a job downloads",
        remedy="use `dry_run`",
    ),
    never(
        "logger",
        "progress_hooks",
        "postprocessor_hooks",
        "post_hooks",
        "retry_sleep_functions",
        reason="it is code",
    ),
)

CLOSED_ROWS: tuple[Option, ...] = (*_OWNERS, *_IGNORED, *_NEVER)
