"""QuickFIX, which most of the world's FIX connections are made with, as Debian has it (C++) and as PyPI has
it: initiators of its trade on the venue, and its acceptors are traded on by `tiercel fix-client`.

What is lost is lost on the way, by a wire that swallows bytes and breaks: both ends find out by themselves.
"""

import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from fix_desks import configure
from venue import PATIENCE_S, main

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = {
    "c++": [os.environ.get("QUICKFIX_PEER", "")],
    "python": [sys.executable, os.path.join(HERE, "quickfix", "peer.py")],
}
DEFAULTS = """[DEFAULT]
BeginString=FIX.4.4
StartTime=00:00:00
EndTime=00:00:00
HeartBtInt=30
ReconnectInterval=1
UseDataDictionary=N
SocketNodelay=Y
FileStorePath={store}
"""


class Program:
    """A program that is driven by lines, and what it has said."""

    def __init__(self, *command, env=None):
        env = dict(os.environ, **(env or {}))
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=env
        )
        self.lines, self.passed = queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until(self, *parts):
        """The next line with all those parts; others of the same first word are passed over."""
        until = time.monotonic() + PATIENCE_S
        while True:
            for at, line in enumerate(self.passed):
                if all(part in line for part in parts):
                    word = line.split(" ")[0]
                    behind = self.passed[at + 1 :]
                    before = [line for line in self.passed[:at] if line.split(" ")[0] != word]
                    self.passed = before + behind
                    return line
            try:
                self.passed.append(self.lines.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"no {parts} came, but {self.passed}") from None

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Wire:
    """A way to an address, that breaks and swallows bytes when it is told to."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.deaf, self.dumb, self.cut, self.pairs = False, False, False, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            if self.cut:
                near.close()
                continue
            try:
                far = socket.create_connection(self.target, PATIENCE_S)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self.pairs.append((near, far))
            for source, sink, mute in ((near, far, "dumb"), (far, near, "deaf")):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.carry, args=(source, sink, mute), daemon=True).start()

    def carry(self, source, sink, mute):
        try:
            while data := source.recv(65536):
                if not getattr(self, mute):
                    sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def drop(self):
        """Breaks: what was swallowed is lost. Nobody gets through before `mend`."""
        self.cut = True
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def mend(self):
        self.deaf = self.dumb = self.cut = False


def settings(folder, kind, *sessions):
    """A file of QuickFIX's settings."""
    store = os.path.join(folder, "store")
    text = DEFAULTS.format(store=store) + f"ConnectionType={kind}\n"
    for session in sessions:
        text += "[SESSION]\n" + "".join(f"{key}={value}\n" for key, value in session.items())
    path = os.path.join(folder, f"{kind}-{len(os.listdir(folder))}.cfg")
    with open(path, "w") as file:
        file.write(text)
    return path


def field(line, tag):
    found = re.search(rf"\|{tag}=([^|]*)", line)
    return found and found.group(1)


def desk(name, port, **more):
    return {
        "SenderCompID": name,
        "TargetCompID": "TIERCEL",
        "SocketConnectHost": "127.0.0.1",
        "SocketConnectPort": port,
        "Username": name.lower(),
        "Password": f"the secret of {name.lower()}",
        **more,
    }


def order(name, side, qty, price, more=""):
    return f"35=D|11={name}|55=BTCUSDT|54={side}|60=now|38={qty}|40=2|44={price}|59=1|{more}"


def initiators(engine, venue):
    """Two desks of QuickFIX's trade on the venue, and lose messages both ways."""
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(venue.fix)
        sessions = desk("ONE", wire.port), desk("TWO", venue.fix.rsplit(":", 1)[1])
        with Program(*ENGINES[engine], "initiator", settings(folder, "initiator", *sessions)) as peer:
            for name in ("ONE", "TWO"):
                peer.until(f"{name} logon")
            trade(peer, wire, engine)
        # Its numbers begin anew, by its own will.
        again = settings(folder, "initiator", desk("ONE", wire.port, ResetOnLogon="Y"))
        with Program(*ENGINES[engine], "initiator", again) as peer:
            logon = peer.until("ONE ", "35=A|")
            assert (field(logon, 34), field(logon, 141)) == ("1", "Y"), logon
            peer.until("ONE logon")
            peer.say("ONE " + order(f"reset-{engine}", 1, 1, 58000))
            peer.until("ONE ", f"11=reset-{engine}|", "150=0|")
            peer.say(f"ONE 35=F|41=reset-{engine}|11=x-{engine}|55=BTCUSDT|54=1|60=now|38=1|")
            peer.until("ONE ", "150=4|")
            peer.say("ONE /logout")
            peer.until("ONE logout")


def trade(peer, wire, engine):
    def name(name):
        return f"{name}-{engine}"

    def one(line):
        peer.say("ONE " + line)

    def told(*parts):
        return peer.until("ONE ", *parts)

    one(order(name("a"), 1, 2, 59000))
    taken = told("35=8|", f"11={name('a')}|", "150=0|", "39=0|")
    assert field(taken, 151) == "2", taken
    peer.say("TWO " + order(name("b"), 2, "0.5", 59000))
    filled = told("150=F|", "39=1|")
    assert (field(filled, 32), field(filled, 14), field(filled, 151)) == ("0.5", "0.5", "1.5"), filled
    one(f"35=G|41={name('a')}|11={name('c')}|55=BTCUSDT|54=1|60=now|38=3|40=2|44=58000|")
    replaced = told("150=5|", f"11={name('c')}|", f"41={name('a')}|")
    assert (field(replaced, 38), field(replaced, 151)) == ("3", "2.5"), replaced
    # A fill that does not arrive, and a connection that breaks: it is sent again.
    wire.deaf = True
    peer.say("TWO " + order(name("d"), 2, "0.25", 58000))
    peer.until("TWO ", f"11={name('d')}|", "150=F|")
    wire.drop()
    peer.until("ONE logout")
    wire.mend()
    peer.until("ONE logon")
    again = told("150=F|", "43=Y|")
    assert (field(again, 32), field(again, 11)) == ("0.25", name("c")), again
    # An order that does not arrive: the venue asks for it.
    wire.dumb = True
    one(order(name("e"), 1, 1, 57000))
    time.sleep(0.3)
    wire.drop()
    peer.until("ONE logout")
    wire.mend()
    told("35=2|")
    told(f"11={name('e')}|", "150=0|", "39=0|")
    for number, former in enumerate((name("c"), name("e"))):
        one(f"35=F|41={former}|11={name('f')}{number}|55=BTCUSDT|54=1|60=now|38=1|")
        told("150=4|", f"11={name('f')}{number}|", f"41={former}|")
    one(f"35=F|41={name('c')}|11={name('g')}|55=BTCUSDT|54=1|60=now|38=1|")
    assert field(told("35=9|"), 102) == "0"
    for desk in ("ONE", "TWO"):
        peer.say(f"{desk} /logout")
        peer.until(f"{desk} logout")


def report(id, exec_type, status, name, cum, leaves, more=""):
    return (
        f"EXCH 35=8|37=1|17={id}|150={exec_type}|39={status}|11={name}|55=BTCUSDT|54=1|38=10|"
        f"14={cum}|151={leaves}|6=0|60=now|{more}"
    )


def acceptors(engine, venue):
    """An exchange of QuickFIX's, which this program is behind, and our client on it."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        session = {"SenderCompID": "EXCH", "TargetCompID": "DESK", "SocketAcceptPort": port}
        acceptor = settings(folder, "acceptor", session)
        wire = Wire(f"127.0.0.1:{port}")
        with Program(*ENGINES[engine], "acceptor", acceptor) as exchange:
            exchange.until("started")
            numbers = os.path.join(folder, "desk.session")
            call = [sys.argv[1], "fix-client", f"127.0.0.1:{wire.port}", "--sender", "DESK"]
            call += ["--target", "EXCH", "--store", numbers]
            with Program(*call) as client:
                client.until("# logged on")
                exchange.until("EXCH logon")
                serve(exchange, client, wire)
                client.say("/logout")
                client.until("# logged out")
                exchange.until("EXCH logout")
            # Numbers that both begin anew.
            with Program(*call, "--reset") as client:
                client.until("# logged on")
                assert field(exchange.until("EXCH ", "35=A|"), 34) == "1"
                client.say(order("anew", 1, 10, 59000))
                exchange.until("35=D|", "11=anew|", "34=2|")


def serve(exchange, client, wire):
    client.say(order("a", 1, 10, 59000))
    exchange.until("35=D|", "11=a|", "44=59000|")
    exchange.say(report("e1", "0", "0", "a", 0, 10))
    client.until("< 35=8|", "17=e1|")
    exchange.say(report("e2", "F", "1", "a", 4, 6, "31=59000|32=4|"))
    client.until("17=e2|", "32=4|")
    client.say("35=G|41=a|11=b|55=BTCUSDT|54=1|60=now|38=12|40=2|44=59000")
    exchange.until("35=G|", "11=b|")
    exchange.say(report("e3", "5", "1", "b", 4, 8, "41=a|"))
    client.until("17=e3|", "150=5|")
    # A report that does not arrive.
    wire.deaf = True
    exchange.say(report("e4", "F", "1", "b", 5, 7, "31=59000|32=1|"))
    time.sleep(0.3)
    wire.drop()
    client.until("# logged out")
    exchange.until("EXCH logout")
    wire.mend()
    client.until("# logged on")
    again = client.until("17=e4|")
    assert field(again, 43) == "Y", again
    # A request that does not arrive.
    wire.dumb = True
    client.say("35=F|41=b|11=c|55=BTCUSDT|54=1|60=now|38=12")
    client.until("> 35=F|")
    time.sleep(0.3)
    wire.drop()
    client.until("# logged out")
    exchange.until("EXCH logout")
    wire.mend()
    client.until("# logged on")
    assert field(exchange.until("35=F|", "11=c|"), 43) == "Y"
    exchange.say(report("e5", "4", "4", "c", 5, 0, "41=b|"))
    client.until("17=e5|", "150=4|")
    # A reset of numbers: what comes next has the new one.
    exchange.say("EXCH 35=4|123=N|36=100|")
    exchange.say("EXCH /next 100")
    exchange.say(report("e6", "I", "4", "c", 5, 0))
    assert field(client.until("17=e6|"), 34) == "100"


def step(scenario, engine):
    def run(venue):
        scenario(engine, venue)

    run.__name__ = f"{scenario.__name__}_{engine}"
    return run


if __name__ == "__main__":
    both = [step(scenario, engine) for engine in ENGINES for scenario in (initiators, acceptors)]
    main("quickfix", *both, configure=configure)
