"""Options that say how it is fetched: targets, lists, filters, pace and what a site wants to know."""

from __future__ import annotations

from vidra.media.options import kinds
from vidra.media.options.option import Option, allowed

_FLAG = kinds.flag()
_RETRIES = kinds.whole(0, kinds.ENDLESS, endless=True)
_SLEEP = kinds.number(0, 3600)
_COUNT = kinds.whole(0, 10**12, off=True)
_PLACES = r"(?=[\d:+-])(?:[+-]?\d{1,9})?(?:[:-](?:[+-]?\d{1,9}|inf)?(?::[+-]?\d{1,9})?)?"
_DATE = kinds.text(
    r"\d{8}|(?:now|today|yesterday)(?:-\d{1,4}(?:day|week|month|year)s?)?", "YYYYMMDD or `today-2weeks`"
)
_SECRET_TEXT = kinds.text(r"[^\x00-\x1f\x7f]+", "a text of at most 500 characters", longest=500)
_PATH = kinds.text(r"[^\x00-\x1f]+", "a path", longest=4000)
_FORBIDDEN_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "host",
        "range",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "upgrade",
    }
)


def _waiting(value: object) -> int | None:
    """Seconds between two looks at a stream that has not begun; `true` means one minute."""
    if value is True or (isinstance(value, str) and value.lower() == "true"):
        return 60
    seconds: int | None = kinds.whole(1, 86_400, off=True).read(value)
    return seconds


_TARGET = (
    allowed(
        "output",
        kinds.text(r"[^\x00-\x1f\x7f]+", "an output template such as `%(uploader)s/%(title)s.%(ext)s`"),
        "outtmpl",
    ),
    allowed("paths", kinds.string_map("a map of kinds to folders")),
    allowed("output_dir", _PATH),
    allowed("force_overwrites", _FLAG, "overwrites", inverse=("no_overwrites", "nooverwrites")),
)

_LISTS = (
    allowed("playlist", _FLAG, "yes_playlist", inverse=("noplaylist", "no_playlist")),
    allowed(
        "playlist_items",
        kinds.text(rf"{_PLACES}(?:\s*,\s*{_PLACES})*", "places such as `1-3,7` or `10:20`"),
        param="playlist_items",
    ),
    allowed("playlist_start", kinds.whole(1, 10**6, off=True), "playliststart"),
    allowed("playlist_end", kinds.whole(-1, 10**6, off=True), "playlistend"),
    allowed("playlist_reverse", _FLAG, "playlistreverse"),
    allowed("playlist_random", _FLAG, "playlistrandom"),
    allowed("lazy_playlist", _FLAG, param="lazy_playlist"),
    allowed("flat_playlist", _FLAG),
    allowed("max_downloads", _COUNT),
    allowed("break_on_existing", _FLAG),
    allowed("skip_playlist_after_errors", kinds.whole(1, 10**6, off=True)),
    allowed("ignore_errors", kinds.flag("only_download"), "ignoreerrors"),
    allowed("abort_on_error", _FLAG),
)

_FILTERS = (
    allowed(
        "match_filter",
        kinds.words(
            r"[^\x00-\x1f\x7f]{1,300}",
            "an expression such as `duration > 60`, or a list of them",
            separator=None,
            most=20,
        ),
        "match_filters",
    ),
    allowed("min_filesize", kinds.size(), param="min_filesize"),
    allowed("max_filesize", kinds.size(), param="max_filesize"),
    allowed("min_views", _COUNT, param="min_views"),
    allowed("max_views", _COUNT, param="max_views"),
    allowed("age_limit", kinds.whole(0, 99, off=True), param="age_limit"),
    allowed("date", _DATE),
    allowed("dateafter", _DATE, "date_after"),
    allowed("datebefore", _DATE, "date_before"),
    allowed(
        "use_extractors",
        kinds.words(r"-?[\w:.*+|]{1,80}", "`all`, or a list of extractor names"),
        "allowed_extractors",
    ),
)

_PACE = (
    allowed("limit_rate", kinds.size(what="bytes a second"), "ratelimit", "rate_limit", param="ratelimit"),
    allowed(
        "throttled_rate", kinds.size(what="bytes a second"), "throttledratelimit", param="throttledratelimit"
    ),
    allowed("retries", _RETRIES, param="retries"),
    allowed("fragment_retries", _RETRIES, param="fragment_retries"),
    allowed("file_access_retries", _RETRIES, param="file_access_retries"),
    allowed("extractor_retries", kinds.whole(0, 100, endless=True), param="extractor_retries"),
    allowed(
        "concurrent_fragments",
        kinds.whole(1, 64),
        "concurrent_fragment_downloads",
        param="concurrent_fragment_downloads",
    ),
    allowed("http_chunk_size", kinds.size(), param="http_chunk_size"),
    allowed("sleep_requests", _SLEEP, "sleep_interval_requests", param="sleep_interval_requests"),
    allowed("sleep_interval", _SLEEP, "min_sleep_interval", param="sleep_interval"),
    allowed("max_sleep_interval", _SLEEP, param="max_sleep_interval"),
    allowed("sleep_subtitles", _SLEEP, "sleep_interval_subtitles", param="sleep_interval_subtitles"),
    allowed("socket_timeout", kinds.number(1, 600), param="socket_timeout"),
    allowed("keep_fragments", _FLAG, param="keep_fragments"),
    Option(
        name="abort_on_unavailable_fragments",
        kind=_FLAG,
        also=("abort_on_unavailable_fragment",),
        inverse=("skip_unavailable_fragments",),
        owner_only_values=(False,),
        reason="a hole in a video is a failure, not a download",
    ),
)

_SITE = (
    Option(name="username", kind=_SECRET_TEXT, param="username", secret=True),
    Option(name="password", kind=_SECRET_TEXT, param="password", secret=True),
    Option(name="twofactor", kind=_SECRET_TEXT, param="twofactor", secret=True),
    Option(
        name="video_password", kind=_SECRET_TEXT, also=("videopassword",), param="videopassword", secret=True
    ),
    Option(name="ap_mso", kind=kinds.text(r"\w+", "a TV provider's id", longest=60), param="ap_mso"),
    Option(name="ap_username", kind=_SECRET_TEXT, param="ap_username", secret=True),
    Option(name="ap_password", kind=_SECRET_TEXT, param="ap_password", secret=True),
    Option(
        name="add_headers",
        kind=kinds.header_map(_FORBIDDEN_HEADERS),
        also=("http_headers", "headers"),
        secret=True,
    ),
    allowed("user_agent", kinds.text(r"[\x20-\x7e]+", "one line of plain text", longest=500)),
    allowed("referer", kinds.text(r"https?://[\x21-\x7e]+", "an http(s) address"), "referrer"),
    allowed(
        "xff",
        kinds.text(
            r"(?i)default|never|[a-z]{2}|\d{1,3}(?:\.\d{1,3}){3}/\d{1,2}",
            "default, never, a country code or an IP range",
        ),
        "geo_bypass",
    ),
    allowed(
        "geo_bypass_country",
        kinds.text(r"[A-Za-z]{2}", "a two-letter country code"),
        param="geo_bypass_country",
    ),
    allowed("force_ipv4", _FLAG),
    allowed("force_ipv6", _FLAG),
    allowed("live_from_start", _FLAG, param="live_from_start"),
    allowed(
        "wait_for_video",
        kinds.Kind(accepts="false, true or seconds from 1 to 86400", read=_waiting),
    ),
    allowed("mark_watched", _FLAG, param="mark_watched"),
    allowed("dynamic_mpd", _FLAG, param="dynamic_mpd"),
    allowed("hls_use_mpegts", _FLAG, param="hls_use_mpegts"),
    allowed("hls_split_discontinuity", _FLAG, param="hls_split_discontinuity"),
    allowed(
        "sponsorblock_chapter_title",
        kinds.text(r"[^\x00-\x1f\x7f/\\]+", "a template for chapter titles", longest=200),
    ),
)

TRANSFER_ROWS: tuple[Option, ...] = (*_TARGET, *_LISTS, *_FILTERS, *_PACE, *_SITE)
