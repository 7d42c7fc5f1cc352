"""Whether a running program has its web UI: some builds leave it out, and serve a stand-in or an error in its place."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from modelwatch.compose import web
from modelwatch.compose.table import Part

API_ONLY = "API only: this build has no web UI"
CLASSIC = "alerts at /classic/alerts, targets at /classic/targets"
"""Debian's build of Prometheus: links to its graphs lead there, bookmarks of its other pages do not."""
_REDIRECTS = 4


def ui(url: str) -> str | None:
    """Where the page with a program in it is; None for none. What does not answer is given the benefit of the doubt."""
    host = urlsplit(url).netloc
    for _ in range(_REDIRECTS):
        answer = web.ask(url)
        if not answer.location:
            break
        url = urljoin(url, answer.location)
        if urlsplit(url).netloc != host:
            # To a login elsewhere, say: a page for people.
            return url
    # Every one of these UIs is drawn by its script; a stand-in is plain text.
    return url if answer.status == 0 or (answer.good and "<script" in answer.text.lower()) else None


def note(part: Part, public: Mapping[str, str]) -> str:
    """What to know of a part's page, by what the running part answers; empty where it is as documented."""
    url = part.page_url(public) if part.may_lack_ui else None
    if url is None:
        return ""
    there = ui(url)
    if there is None and part.name == "jaeger":
        return f"{API_ONLY}; the preview draws its traces at http://{public['preview']}/traces"
    if there is None:
        return API_ONLY
    return CLASSIC if urlsplit(there).path.startswith("/classic/") else ""
