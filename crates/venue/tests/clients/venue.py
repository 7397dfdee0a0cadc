"""A venue for a client to trade on: `tiercel venue --dev`, on a free port, ended with the script.

The two accounts that it makes are funded, and nothing was traded yet.
"""

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SYMBOL = "BTCUSDT"
# A pair to sell by, as the venue's own request has it.
OCO = {
    "quantity": "0.1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "70000",
    "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "50000",
    "belowPrice": "49990",
    "belowTimeInForce": "GTC",
}
# How long anything may take that should come at once: the machine may be busy.
PATIENCE_S = 30


class Venue:
    """Where it is, and the keys of its accounts: each the API key and the secret."""

    def __init__(self, address, fix, keys):
        self.address, self.fix = address, fix
        self.one, self.two = keys[:2], keys[2:]
        self.http = f"http://{address}"
        self.ws = f"ws://{address}"


@contextlib.contextmanager
def venue(configure=None):
    """Starts the binary that the first argument names; `configure` makes a configuration in a folder."""
    # A script that is told to end ends its venue first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    folder = tempfile.mkdtemp(prefix="tiercel-client-")
    arguments = ["venue", "--dev", "--store", os.path.join(folder, "store"), "--address", "127.0.0.1:0"]
    if configure:
        arguments += ["--config", configure(folder)]
    process = subprocess.Popen([sys.argv[1], *arguments], stdout=subprocess.PIPE, text=True)
    # Whatever else happens to the script, the venue does not outlive it for long.
    watchdog = threading.Timer(4 * PATIENCE_S, process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield started(process)
    finally:
        watchdog.cancel()
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def started(process):
    """Reads what it prints up to the second account's secret."""
    address, fix, keys, printed = None, None, [], ""
    for line in process.stdout:
        printed += line
        address = address or next(iter(re.findall(r"^venue at https?://(\S+)", line)), None)
        fix = fix or next(iter(re.findall(r"^FIX 4.4 at (\S+),", line)), None)
        keys += re.findall(r"^ +(?:api_key|secret) +(\S+)", line)
        if fix and address and len(keys) == 4:
            # What it prints from here on is read and dropped: a full pipe would stop it.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return Venue(address, fix, keys)
    raise SystemExit(f"the venue did not start:\n{printed}")


class Heard:
    """What came by callbacks, in its order."""

    def __init__(self):
        self.messages = queue.Queue()

    def __call__(self, message):
        self.messages.put(message)

    def until(self, wanted):
        """The first message from here on that is `wanted`; others are passed over."""
        until = time.monotonic() + PATIENCE_S
        passed = []
        while True:
            try:
                message = self.messages.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"it did not come; what came: {passed}") from None
            if wanted(message):
                return message
            passed.append(message)


def refused(kind, call, *parameters, **named):
    """The error of this kind that a call is refused with."""
    try:
        call(*parameters, **named)
    except kind as error:
        return error
    raise AssertionError(f"{call.__name__} was not refused")


def main(name, *steps, configure=None):
    """Runs the steps on a venue of their own; if the arguments behind the binary name some, those."""
    chosen = sys.argv[2:] or [step.__name__ for step in steps]
    with venue(configure) as running:
        for step in (step for step in steps if step.__name__ in chosen):
            begin = time.monotonic()
            step(running)
            print(f"{name}: {step.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
