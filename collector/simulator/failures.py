"""Replies with nothing of the venue's answer in them: error pages, bans, redirects."""

from email.utils import formatdate

from collector.simulator.board import Hit
from collector.simulator.limits import Verdict
from collector.simulator.replies import Call, Reply, Venue

PAGE = (
    "<!DOCTYPE html>\n<html><head><title>{0}</title></head>\n"
    "<body><center><h1>{0}</h1></center><hr><center>openresty</center></body></html>\n"
)
HTML = "text/html; charset=utf-8"
AHEAD_SECONDS = 2
TITLES = {
    200: "Just a moment...",
    403: "403 Forbidden",
    418: "418 I'm a teapot",
    502: "502 Bad Gateway",
}


def http_date(wall_ms: int, ahead_seconds: int) -> str:
    """Write the moment so many seconds ahead as HTTP does, rounded up to whole seconds."""
    return formatdate(-(-wall_ms // 1000) + ahead_seconds, usegmt=True)


def page(status: int, title: str) -> Reply:
    """Answer with an HTML page, as gateways and firewalls do."""
    return Reply(PAGE.format(title).encode(), status, content_type=HTML)


def failed(hit: Hit, venue: Venue, call: Call, verdict: Verdict) -> Reply:
    """Answer a request that a fault of the stage WHOLE has hit."""
    match hit.kind:
        case "500" | "503" | "maintenance" | "error-in-200":
            return venue.failure(hit.kind, call)
        case "429":
            reply = venue.over_limit(call, verdict, 429)
            if hit.param == "date":
                reply.headers["Retry-After"] = http_date(call.wall_ms, AHEAD_SECONDS)
            elif hit.param is not None:
                reply.headers["Retry-After"] = str(hit.param)
            return reply
        case "ban" | "html" | "html502":
            status = {"html": 200, "html502": 502}.get(hit.kind) or int(str(hit.param))
            return page(status, TITLES[status])
        case "redirect":
            return Reply(b"", 302, {"Location": str(hit.param)}, HTML)
        case _:
            # An empty body, or one that the wire makes up or withholds.
            return Reply(b"")
