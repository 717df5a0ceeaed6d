"""Which text stands behind which path of the site.

/feed.rss /feed-hls.rss /podcast.rss    a channel of four, by pages, HLS pages, enclosures
/pages/feed-<n>.rss                     the channel as it looked after n uploads
/feed/<n>.rss                           n generated entries, each a page with a small clip
/feed/<n>/<faults>.rss                  the same, each entry's file behind those faults
/files/<n>/<faults>/<file>.rss          n entries that all have this file of /m/ behind those faults
/v/ /vh/ /vd/ /va/ <id>.html            JSON-LD pages: progressive, HLS, DASH, AES-128 HLS
/og/ /h5/ <id>.html                     OpenGraph only; a video element with tracks
/multi.html /list.html                  several videos; a list that yt-dlp does not follow
/p/<faults>/<real path>                 a page that points to /f/<faults>/<real path>
/pictured/<n>.html /pictured/feed-<n>.rss  pages of one day with type and picture, so asked three times
/pictured/<tag>/…                       the same once more, for whoever wants pages of his own
/dated/<day>-<n>.html /dated/<day>,<day>….rss  pages of any day (20231231), with picture; the newest first
/api/skipSegments/<hash>                SponsorBlock's answer: seconds 2 to 4 of each clip are a sponsor
/evil/<n>.html                          pages with hostile titles
/ext/<extension>.html                   a page whose media has that extension
/odd/charset.html /odd/feed-one-bad.rss an extractor crash; a feed with one broken entry
/hls-busy/<id>.html                     a page whose HLS segments answer 429
/odd/hole.html                          a page whose HLS lacks a segment
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from tests.site import pages
from tests.site.catalogue import HOSTILE_TITLES, ITEMS, SMALL, Item

HTML: Final = "text/html; charset=utf-8"
RSS: Final = "application/rss+xml; charset=utf-8"

Answer = tuple[str, str]
"""Body and content type."""


def text_for(path: str, base: str) -> Answer | None:
    """Return the page or feed at the path; None where a file (or nothing) is meant."""
    for pattern, make in _ROUTES:
        if match := re.fullmatch(pattern, path):
            return make(base, match)
    return None


def _page(base: str, match: re.Match[str]) -> Answer | None:
    item = next((item for item in ITEMS if item.id == match["id"]), None)
    if item is None:
        return None
    match match["kind"]:
        case "v":
            return pages.video_page(base, item, f"{base}/m/{item.id}.mp4"), HTML
        case "vh":
            return pages.video_page(base, item, f"{base}/hls/{item.id}/master.m3u8"), HTML
        case "va":
            return pages.video_page(base, item, f"{base}/aes/{item.id}/master.m3u8"), HTML
        case "vd":
            return pages.video_page(base, item, f"{base}/dash/{item.id}/manifest.mpd"), HTML
        case "og":
            return pages.open_graph_page(base, item), HTML
        case _:
            return pages.html5_page(item), HTML


def _channel(base: str, match: re.Match[str]) -> Answer:
    match match["name"]:
        case "feed":
            return pages.feed("Local channel", base, pages.item_entries(base, ITEMS, "v")), RSS
        case "feed-hls":
            return pages.feed("Local channel (HLS)", base, pages.item_entries(base, ITEMS, "vh")), RSS
        case _:
            entries = pages.item_entries(base, ITEMS, "v", enclosures=True)
            return pages.feed("Local podcast", base, entries), RSS


def _past_channel(base: str, match: re.Match[str]) -> Answer:
    items = [item for item in ITEMS if item.number <= int(match["n"])]
    return pages.feed("Local channel", base, pages.item_entries(base, items, "v")), RSS


def _generated_feed(base: str, match: re.Match[str]) -> Answer:
    return _generated(base, int(match["n"]), match["faults"]), RSS


@lru_cache(maxsize=4)
def _generated(base: str, count: int, faults: str | None) -> str:
    def link(k: int) -> str:
        return f"{base}/p/{faults},tag{k}/n/{k}.mp4" if faults else f"{base}/n/{k}.html"

    entries = [
        pages.FeedEntry(
            title=f"Entry {k}", link=link(k), guid=f"n{k}", published=SMALL.uploaded + timedelta(minutes=k)
        )
        for k in range(1, count + 1)
    ]
    return pages.feed(f"{count} entries", base, entries)


def _same_file_feed(base: str, match: re.Match[str]) -> Answer:
    entries = [
        pages.FeedEntry(
            title=f"File {k}",
            link=f"{base}/p/{match['faults']},tag{k}/m/{match['file']}",
            guid=f"f{k}",
            published=SMALL.uploaded + timedelta(minutes=k),
        )
        for k in range(1, int(match["n"]) + 1)
    ]
    return pages.feed("Files", base, entries), RSS


def _generated_page(base: str, match: re.Match[str]) -> Answer:
    k = int(match["n"])
    item: Item = replace(SMALL, number=k, title=f"Entry {k}")
    body = pages.video_page(base, item, f"{base}/n/{k}.mp4")
    return body.replace(f"/m/{item.id}.jpg", f"/n/{k}.jpg"), HTML


def _fault_page(base: str, match: re.Match[str]) -> Answer:
    stem, _, extension = match["real"].rpartition("/")[2].rpartition(".")
    name = f"Clip {stem} {match['faults'].rpartition('tag')[2]}"
    mime = {"m3u8": "application/vnd.apple.mpegurl", "mpd": "application/dash+xml", "mp3": "audio/mpeg"}.get(
        extension, "video/mp4"
    )
    return pages.bare_video_page(name, f"{base}/f/{match['faults']}/{match['real']}", mime=mime), HTML


def _pictured_page(base: str, match: re.Match[str]) -> Answer:
    # The same whatever the tag: that only makes it another address.
    name, picture = f"Pictured {match['n']}", f"{base}/n/{match['n']}.jpg"
    return pages.bare_video_page(name, f"{base}/n/{match['n']}.mp4", picture=picture), HTML


def _pictured_feed(base: str, match: re.Match[str]) -> Answer:
    entries = [
        pages.FeedEntry(
            title=f"Pictured {k}",
            link=f"{base}/pictured/{match['tag'] or ''}{k}.html",
            guid=f"t{k}",
            published=SMALL.uploaded,
        )
        for k in range(int(match["n"]), 0, -1)
    ]
    return pages.feed("Pictured", base, entries), RSS


def _dated_page(base: str, match: re.Match[str]) -> Answer:
    day, number = match["day"], match["n"]
    moment = f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00+00:00"
    return pages.bare_video_page(
        f"Dated {number}", f"{base}/n/{number}.mp4", picture=f"{base}/n/{number}.jpg", moment=moment
    ), HTML


def _dated_feed(base: str, match: re.Match[str]) -> Answer:
    entries = [
        pages.FeedEntry(
            title=f"Dated {number}",
            link=f"{base}/dated/{day}-{number}.html",
            guid=f"d{number}",
            published=datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=UTC),
        )
        for number, day in reversed(list(enumerate(match["days"].split(","), start=1)))
    ]
    return pages.feed("Dated", base, entries), RSS


def _sponsors(_base: str, match: re.Match[str]) -> Answer:
    named = [item for item in ITEMS if sha256(item.id.encode()).hexdigest().startswith(match["hash"])]
    segment = {
        "segment": [2.0, 4.0], "category": "sponsor", "actionType": "skip", "videoDuration": 0,
        "description": "",
    }  # fmt: skip
    return json.dumps([{"videoID": item.id, "segments": [segment]} for item in named]), "application/json"


def _evil_page(base: str, match: re.Match[str]) -> Answer:
    number = int(match["n"])
    title = HOSTILE_TITLES[number].replace("\u2400", "\0")
    return pages.bare_video_page(title, f"{base}/n/{number}.mp4"), HTML


def _extension_page(base: str, match: re.Match[str]) -> Answer:
    url = f"{base}/named/{quote('clip.' + match['ext'])}"
    return pages.bare_video_page("Extension", url, mime="application/octet-stream"), HTML


def _one_bad(base: str, _match: re.Match[str]) -> Answer:
    body, kind = pages.feed("One entry is broken", base, pages.item_entries(base, ITEMS, "v")), RSS
    return body.replace("/v/vid004.html", "/v/missing.html"), kind


def _item_list(base: str, _match: re.Match[str]) -> Answer:
    links = "".join(f'<a href="{base}/v/{item.id}.html">{item.id}</a> ' for item in ITEMS)
    return pages.page("Item list", "", links), HTML


def _busy_segments_page(base: str, match: re.Match[str]) -> Answer:
    item = next(item for item in ITEMS if item.id == match["id"])
    return pages.video_page(base, item, f"{base}/hls-busy/{item.id}.m3u8"), HTML


def _busy_segments_list(base: str, match: re.Match[str]) -> Answer:
    segment = f"{base}/f/s429x*,ra5,tagsegment/hls/{match['id']}/hi000.ts"
    lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", segment, "#EXT-X-ENDLIST", "")
    return "\n".join(lines), "application/vnd.apple.mpegurl"


def _hole_page(base: str, _match: re.Match[str]) -> Answer:
    return pages.video_page(base, ITEMS[0], f"{base}/hole/vid001/hi.m3u8"), HTML


_ROUTES: Final[tuple[tuple[str, Callable[[str, re.Match[str]], Answer | None]], ...]] = (
    (r"/(?P<kind>v|vh|vd|va|og|h5)/(?P<id>\w+)\.html", _page),
    (r"/(?P<name>feed|feed-hls|podcast)\.rss", _channel),
    (r"/pages/feed-(?P<n>\d+)\.rss", _past_channel),
    (r"/feed/(?P<n>\d+)(?:/(?P<faults>[\w,.*-]+))?\.rss", _generated_feed),
    (r"/files/(?P<n>\d+)/(?P<faults>[\w,.*-]+)/(?P<file>[\w.]+)\.rss", _same_file_feed),
    (r"/n/(?P<n>\d+)\.html", _generated_page),
    (r"/pictured/(?:\w+/)?(?P<n>\d+)\.html", _pictured_page),
    (r"/pictured/(?P<tag>\w+/)?feed-(?P<n>\d+)\.rss", _pictured_feed),
    (r"/dated/(?P<day>\d{8})-(?P<n>\d+)\.html", _dated_page),
    (r"/dated/(?P<days>\d{8}(?:,\d{8})*)\.rss", _dated_feed),
    (r"/api/skipSegments/(?P<hash>[0-9a-f]{4})", _sponsors),
    (r"/p/(?P<faults>[^/]+)/(?P<real>.+)", _fault_page),
    (r"/evil/(?P<n>\d+)\.html", _evil_page),
    (r"/ext/(?P<ext>.+)\.html", _extension_page),
    (r"/hls-busy/(?P<id>\w+)\.html", _busy_segments_page),
    (r"/hls-busy/(?P<id>\w+)\.m3u8", _busy_segments_list),
    (r"/odd/charset\.html", lambda _base, _match: (pages.crashing_page(), "text/html")),
    (r"/odd/feed-one-bad\.rss", _one_bad),
    (r"/odd/hole\.html", _hole_page),
    (r"/multi\.html", lambda _base, _match: (pages.several_videos_page(), HTML)),
    (r"/list\.html", _item_list),
    (r"/(?:index\.html)?", lambda _base, _match: (pages.page("Local media site"), HTML)),
)
