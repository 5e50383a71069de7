"""A small assistant service that is nothing like the interfaces we know: `python parlour.py PORT FOLDER MODE`.

`POST /` takes an utterance in an envelope and gives verses back, all at once or drop by drop. Every exchange goes into a ledger (SQLite) and a diary, but
for the quiet guest, who is promised that nothing is written (`honest`); `forgetful` writes nothing at all, `remember` breaks the promise. `POST /tally`
counts the words of a speech, in a body of its own; an envelope may name the visit that it belongs to. `remember tallies` and `remember visits` break the
promise there alone.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

GUESTS = {"parlour-key-quiet-guest": "quiet", "parlour-key-open-guest": "open"}


class Parlour:
    def __init__(self, folder: Path, mode: str) -> None:
        self.folder, self.mode, self.lock = folder, mode, Lock()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "diary").mkdir(exist_ok=True)
        with sqlite3.connect(folder / "ledger.db") as ledger:
            ledger.execute("create table if not exists visits (guest text, words text, reply text)")

    def note(self, guest: str, words: str, reply: str, *, why: str = "") -> None:
        """`why` is what brought the words here beside an ordinary utterance: a tally, or a visit that they belong to."""
        promised = guest == "quiet" and self.mode not in ("remember", f"remember {why}")
        if self.mode == "forgetful" or promised:
            return
        with self.lock, sqlite3.connect(self.folder / "ledger.db") as ledger:
            ledger.execute("insert into visits values (?, ?, ?)", (guest, words, reply))
        with self.lock, (self.folder / "diary" / f"{guest}.txt").open("a", encoding="utf-8") as diary:
            diary.write(f"{words}\n>> {reply}\n")


class Door(BaseHTTPRequestHandler):
    parlour: Parlour
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        guest = GUESTS.get(self.headers.get("x-guest-token", "").removeprefix("Token "))
        if self.path == "/tally":
            return self.tally(guest, raw)
        try:
            envelope = json.loads(raw)["envelope"]
            words, pace = str(envelope["utterance"]), str(envelope.get("pace", "whole"))
            visit = envelope.get("visit", {}).get("name")
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.say(422, {"complaint": {"code": "unreadable"}})
        if guest is None or self.headers.get("x-table", guest) != guest:
            return self.say(401, {"complaint": {"code": "stranger"}})
        if not words:
            return self.say(422, {"complaint": {"code": "silence"}})
        joined = "".join(re.findall(r'"([^"]+)"', words.rsplit("result only:", maxsplit=1)[-1])) if "result only:" in words else "I see."
        self.parlour.note(guest, words + str(envelope.get("manners", "")), joined, why="visits" if visit else "")
        if pace != "drip":
            return self.say(200, {"reply": {"verses": ["Well: ", joined]}})
        drops = [joined[at : at + 7] for at in range(0, len(joined), 7)]
        lines = [*({"drop": {"verse": drop}} for drop in drops), {"drop": {"verse": ""}, "last": True}]
        return self.send(200, "application/x-ndjson", "".join(json.dumps(line) + "\n" for line in lines).encode())

    def tally(self, guest: str | None, raw: bytes) -> None:
        """It takes a speech alone: an envelope it does not know."""
        try:
            speech = json.loads(raw)["speech"]
        except (ValueError, KeyError, TypeError):
            return self.say(422, {"complaint": {"code": "unreadable"}})
        if guest is None or not isinstance(speech, str):
            return self.say(401 if guest is None else 422, {"complaint": {"code": "stranger"}})
        self.parlour.note(guest, speech, "", why="tallies")
        return self.say(200, {"tally": {"words": len(speech.split())}})

    def say(self, status: int, body: object) -> None:
        self.send(status, "application/json", json.dumps(body).encode())

    def send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The diary is log enough."""


if __name__ == "__main__":
    Door.parlour = Parlour(Path(sys.argv[2]), sys.argv[3])
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Door)
    print(server.server_address[1], flush=True)
    server.serve_forever()
