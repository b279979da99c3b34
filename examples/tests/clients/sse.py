"""PyPI's httpx-sse against `testbed`: sse.py URL. Ends with 0 if all events are right."""

import sys

import httpx
from httpx_sse import connect_sse

url = sys.argv[1]
NEWS = "x" * 56


def events(client, last_id):
    """Status, and what came: name, data and last id. The library makes an empty event of a comment, which is left out."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with connect_sse(client, "GET", f"{url}/sse", headers=headers) as source:
        if source.response.status_code != 200:
            return source.response.status_code, []
        return 200, [(event.event, event.data, event.id) for event in source.iter_sse() if event.data]


with httpx.Client(timeout=60) as client:
    assert events(client, None) == (
        200,
        [
            ("message", "hello", ""),
            ("message", "line1\nline2\n", ""),
            ("custom", "x: y", "7"),
            ("message", " leading space", "7"),
            ("message", "žluťoučký 🐎", "7"),
            ("message", "a\nb\nc", "7"),
            ("message", "k" * 65536, "7"),
            ("message", "bye", "42"),
        ],
    ), "the hard events"
    assert events(client, "42") == (200, [("resumed", "42", "done")]), "those after 42"
    assert events(client, "done") == (204, []), "the end"
    with connect_sse(client, "GET", f"{url}/feed") as source:
        assert source.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        feed = source.iter_sse()
        for _ in range(3):
            assert client.get(f"{url}/publish").text == "published"
            assert next(event.data for event in feed if event.data) == NEWS, "the feed"
