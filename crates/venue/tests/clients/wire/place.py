"""Where a venue is that may be killed and started again: addresses, and questions to its REST interface."""

import hashlib
import hmac
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
import urllib.request

# How long anything may take that should come at once: the machine may be busy.
PATIENCE_S = 30

# What it prints of each address, once that is open.
PRINTED = {
    "http": r"^venue at http://(\S+)",
    "itch": r"^ITCH at ([^,\s]+)",
    "requests": r"^ITCH at .*, requests at (\S+)",
    "ouch": r"^OUCH at (\S+)",
    "binary": r"^binary protocol at (\S+)",
}


class Place:
    """A venue's process, and what it told of itself. Threads may wait for it to be back."""

    def __init__(self, binary, config, store):
        self.command = [binary, "venue", "--config", config, "--store", store]
        self.process, self.addresses = None, {}
        self.is_up = threading.Event()
        self.over = threading.Event()
        # Why a thread gave up, if one did.
        self.failures = queue.Queue()

    def start(self, *arguments):
        self.process = subprocess.Popen([*self.command, *arguments], stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(4 * PATIENCE_S, self.process.kill)
        watchdog.daemon = True
        watchdog.start()
        addresses, printed = {}, ""
        for line in self.process.stdout:
            printed += line
            for name, pattern in PRINTED.items():
                for address in re.findall(pattern, line):
                    host, port = address.rstrip(",").rsplit(":", 1)
                    addresses[name] = (host, int(port))
            if len(addresses) == len(PRINTED):
                break
        else:
            raise SystemExit(f"the venue did not start:\n{printed}")
        # What it prints from here on is read and dropped: a full pipe would stop it.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.addresses = addresses
        self.is_up.set()

    def kill(self):
        """Ends it without a word."""
        self.is_up.clear()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def at(self, name):
        """An address of the venue that is up; waits for one that is not."""
        if not self.is_up.wait(PATIENCE_S):
            raise ConnectionError("the venue does not come back")
        return self.addresses[name]

    def run(self, name, work):
        """Does the work on a thread, again and again when its connection ends, until all is over."""

        def loop():
            while not self.over.is_set():
                try:
                    work()
                except (OSError, ConnectionError):
                    time.sleep(0.02)
                except Exception as failure:  # noqa: BLE001: told where the threads are joined
                    self.failures.put(f"{name}: {type(failure).__name__}: {failure}")
                    return

        thread = threading.Thread(target=loop, name=name, daemon=True)
        thread.start()
        return thread

    def check(self):
        """Raises what a thread failed by."""
        if not self.failures.empty():
            raise AssertionError(self.failures.get())

    def until(self, what, done, patience_s=PATIENCE_S):
        """Waits until that is so."""
        until = time.monotonic() + patience_s
        while not done():
            self.check()
            assert time.monotonic() < until, what
            time.sleep(0.02)

    def ask(self, path):
        """What GET answers."""
        host, port = self.at("http")
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def ask_signed(self, key, path):
        """The same of the native interface, signed by this key and secret."""
        host, port = self.at("http")
        stamp = str(time.time_ns() // 1_000_000)
        text = "\n".join([stamp, "", "GET", path, ""]).encode()
        headers = {
            "Tiercel-Key": key[0],
            "Tiercel-Timestamp": stamp,
            "Tiercel-Signature": hmac.new(key[1].encode(), text, hashlib.sha256).hexdigest(),
        }
        request = urllib.request.Request(f"http://{host}:{port}{path}", None, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)


def write_private(path, text):
    """A file that nobody but its owner may see."""
    with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(text)
