"""Whether a running program has its web UI: some builds leave it out, and serve a stand-in or an error in its place."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from modelwatch.compose import web
from modelwatch.compose.table import Part

API_ONLY = "API only: this build has no web UI"
_REDIRECTS = 4


def has_ui(url: str) -> bool:
    """Whether a page with a program in it is there. One that does not answer now is given the benefit of the doubt."""
    host = urlsplit(url).netloc
    for _ in range(_REDIRECTS):
        answer = web.ask(url)
        if not answer.location:
            break
        url = urljoin(url, answer.location)
        if urlsplit(url).netloc != host:
            # To a login elsewhere, say: a page for people.
            return True
    # Every one of these UIs is drawn by its script; a stand-in is plain text.
    return answer.status == 0 or (answer.good and "<script" in answer.text.lower())


def api_only(part: Part, public: Mapping[str, str]) -> bool:
    """Whether nobody can look at a part's page, by what the running part answers."""
    url = part.page_url(public) if part.may_lack_ui else None
    return url is not None and not has_ui(url)
