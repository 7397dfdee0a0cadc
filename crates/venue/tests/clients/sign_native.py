"""Signs the requests that schemathesis makes up, as docs/native-api.md describes."""

import hashlib
import hmac
import os
import threading
import time

import requests
import schemathesis


class Signed(requests.auth.AuthBase):
    """Signs a request as it is about to be sent: what changes something is taken once, so that no
    two have the same timestamp."""

    def __init__(self, key, secret):
        self.key, self.secret = key, secret
        self.last, self.lock = 0, threading.Lock()

    def __call__(self, request):
        with self.lock:
            self.last = max(self.last + 1, time.time_ns() // 1_000_000)
            stamp = str(self.last)
        window = request.headers.get("Tiercel-Window", "")
        window = window.decode() if isinstance(window, bytes) else window
        if window.isdecimal() and 1 <= int(window) < 1_000:
            # Good, and over before the request is there.
            del request.headers["Tiercel-Window"]
            window = ""
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        text = "\n".join([stamp, window, request.method, request.path_url, ""]).encode() + body
        request.headers["Tiercel-Key"] = self.key
        request.headers["Tiercel-Timestamp"] = stamp
        request.headers["Tiercel-Signature"] = hmac.new(
            self.secret.encode(), text, hashlib.sha256
        ).hexdigest()
        return request


schemathesis.auth.set_from_requests(Signed(os.environ["TIERCEL_KEY"], os.environ["TIERCEL_SECRET"]))
