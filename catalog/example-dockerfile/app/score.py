"""A scoring server of the standard library alone: POST /score with ``{"values": [...]}``."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def answer(asked):
    """The mean of the values."""
    values = asked["values"]
    return {"greeting": os.environ["GREETING"], "mean": sum(values) / len(values)}


class Score(BaseHTTPRequestHandler):
    def do_GET(self):
        self._send(200, {"status": "alive"})

    def do_POST(self):
        try:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self._send(200, answer(asked))
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            self._send(400, {"error": str(error)})

    def _send(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 5001), Score).serve_forever()
