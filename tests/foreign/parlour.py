"""A small assistant service that is nothing like the interfaces we know: `python parlour.py PORT FOLDER honest|forgetful|remember`.

`POST /` takes an utterance in an envelope and gives verses back, all at once or drop by drop. Every exchange goes into a ledger (SQLite) and a diary, but
for the quiet guest, who is promised that nothing is written (`honest`); `forgetful` writes nothing at all, `remember` breaks the promise.
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

    def note(self, guest: str, words: str, reply: str) -> None:
        if self.mode == "forgetful" or (self.mode == "honest" and guest == "quiet"):
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
        try:
            envelope = json.loads(raw)["envelope"]
            words, pace = str(envelope["utterance"]), str(envelope.get("pace", "whole"))
        except (ValueError, KeyError, TypeError):
            return self.say(422, {"complaint": {"code": "unreadable"}})
        if guest is None or self.headers.get("x-table", guest) != guest:
            return self.say(401, {"complaint": {"code": "stranger"}})
        if not words:
            return self.say(422, {"complaint": {"code": "silence"}})
        joined = "".join(re.findall(r'"([^"]+)"', words.rsplit("result only:", maxsplit=1)[-1])) if "result only:" in words else "I see."
        self.parlour.note(guest, words + str(envelope.get("manners", "")), joined)
        if pace != "drip":
            return self.say(200, {"reply": {"verses": ["Well: ", joined]}})
        drops = [joined[at : at + 7] for at in range(0, len(joined), 7)]
        lines = [*({"drop": {"verse": drop}} for drop in drops), {"drop": {"verse": ""}, "last": True}]
        return self.send(200, "application/x-ndjson", "".join(json.dumps(line) + "\n" for line in lines).encode())

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
