"""A fake OpenAI-compatible endpoint in this process: it answers as it was told, and remembers what was asked."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def fake_endpoint(answers, refuses=()):
    """(url, asked): `answers` are texts, given one after the other; a body with a field in `refuses` gets a 400."""
    asked, left = [], list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers.get("Authorization"), body))
            wrong = [name for name in refuses if name in body]
            if wrong:
                self._reply(400, {"error": {"message": f"Unrecognized request argument: {wrong[0]}"}})
            elif not left:
                self._reply(500, {"error": "nothing more to say"})
            else:
                self._reply(200, {"choices": [{"message": {"role": "assistant", "content": left.pop(0)}}]})

        def _reply(self, status, content):
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
