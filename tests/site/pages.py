"""Makes the site's HTML pages and feeds; `base` is where the site runs, so nothing here is kept on disk."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from tests.site.catalogue import ITEMS, Item


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedEntry:
    """One `<item>` of a feed."""

    title: str
    link: str
    guid: str
    published: datetime
    extra: str = ""


def page(title: str, head: str = "", body: str = "", *, charset: str = '"utf-8"') -> str:
    """Return an HTML page."""
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset={charset}><title>{name}</title>{head}</head>'
        f"<body><h1>{name}</h1>{body}</body></html>"
    )


def video_page(base: str, item: Item, media_url: str) -> str:
    """Return a page with a full JSON-LD VideoObject."""
    return page(
        item.title, _script(video_object(base, item, media_url)), f"<p>{html.escape(item.description)}</p>"
    )


def bare_video_page(
    title: str,
    media_url: str,
    *,
    mime: str = "video/mp4",
    picture: str | None = None,
    moment: str = "2024-01-10T12:00:00+00:00",
) -> str:
    """Return a page whose JSON-LD names only title and media.

    yt-dlp asks a direct link twice (a probe, then the download), but what a page with an
    `encodingFormat` points to only once: a fault that is to hit the download alone goes behind this.
    """
    return page(
        "page",
        _script(
            {
                "@context": "https://schema.org",
                "@type": "VideoObject",
                "name": title,
                "contentUrl": media_url,
                "encodingFormat": mime,
                "uploadDate": moment,
                **({"thumbnailUrl": [picture]} if picture else {}),
            }
        ),
    )


def video_object(base: str, item: Item, media_url: str) -> dict[str, object]:
    """Return the JSON-LD of an item."""
    counters = (("WatchAction", item.views), ("LikeAction", item.likes))
    return {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": item.title,
        "description": item.description,
        "uploadDate": item.uploaded.isoformat(),
        "duration": f"PT{int(item.duration // 60)}M{int(item.duration % 60)}S",
        "thumbnailUrl": [f"{base}/m/{item.id}.jpg"],
        "author": {"@type": "Person", "name": item.uploader},
        "contentUrl": media_url,
        "keywords": ",".join(item.tags),
        "interactionStatistic": [
            {
                "@type": "InteractionCounter",
                "interactionType": f"http://schema.org/{kind}",
                "userInteractionCount": count,
            }
            for kind, count in counters
        ],
        "hasPart": [
            {"@type": "Clip", "name": c.title, "startOffset": c.start, "endOffset": c.end}
            for c in item.chapters
        ],
    }


def open_graph_page(base: str, item: Item) -> str:
    """Return a page that has OpenGraph tags only."""
    tags = {
        "og:title": item.title,
        "og:description": item.description,
        "og:image": f"{base}/m/{item.id}.jpg",
        "og:video": f"{base}/m/{item.id}.mp4",
        "og:video:type": "video/mp4",
    }
    head = "".join(
        f'<meta property="{name}" content="{html.escape(value, quote=True)}">' for name, value in tags.items()
    )
    return page(item.title, head)


def html5_page(item: Item) -> str:
    """Return a page with a `<video>` element and two subtitle tracks."""
    tracks = "".join(
        f'<track kind="subtitles" srclang="{language}" src="/m/{item.id}.{language}.vtt">'
        for language in ("en", "de")
    )
    source = f'<source src="/m/{item.id}.mp4" type="video/mp4">'
    video = f'<video poster="/m/{item.id}.jpg" controls>{source}{tracks}</video>'
    return page(item.title, "", video)


def several_videos_page() -> str:
    """Return a page with one `<video>` an item: a list."""
    return page("Several videos", "", "".join(f'<video src="/m/{item.id}.mp4"></video>' for item in ITEMS))


def crashing_page() -> str:
    """Return a page that makes yt-dlp's extractor itself raise (seen in 2026.10.26).

    An unquoted charset followed by non-ASCII text reads as the name of the encoding.
    """
    return page("Ünquoted", body='<video src="/m/vid001.mp4"></video>', charset="utf-8")


def item_entries(base: str, items: Iterable[Item], link: str, *, enclosures: bool = False) -> list[FeedEntry]:
    """Return feed entries, newest first; with `enclosures` as a podcast has them."""
    newest = sorted(items, key=lambda item: item.uploaded, reverse=True)
    return [
        FeedEntry(
            title=item.title,
            link=f"{base}/{link}/{item.id}.html",
            guid=item.id,
            published=item.uploaded,
            extra=_enclosure(base, item) if enclosures else "",
        )
        for item in newest
    ]


def feed(title: str, base: str, entries: Sequence[FeedEntry]) -> str:
    """Return an RSS document."""
    rows = "".join(
        f"<item><title>{html.escape(e.title)}</title><link>{e.link}</link>"
        f'<guid isPermaLink="false">{e.guid}</guid>'
        f"<pubDate>{format_datetime(e.published)}</pubDate><description>{html.escape(e.title)}</description>"
        f"{e.extra}</item>"
        for e in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>'
        f"<title>{html.escape(title)}</title><link>{base}/</link>"
        "<description>Local test channel</description>"
        f"{rows}</channel></rss>\n"
    )


def _enclosure(base: str, item: Item) -> str:
    return (
        f'<enclosure url="{base}/m/{item.id}.mp4" length="0" type="video/mp4"/>'
        f"<itunes:duration>{int(item.duration)}</itunes:duration>"
        f"<itunes:title>{html.escape(item.title)}</itunes:title><itunes:episode>{item.number}</itunes:episode>"
        f'<itunes:season>1</itunes:season><itunes:image href="{base}/m/{item.id}.jpg"/>'
    )


def _script(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'
