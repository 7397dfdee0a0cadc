"""QuickFIX's package for Python as it comes, driven by lines as peer.cpp is: see there."""

import sys
import threading

import quickfix as fix

printing = threading.Lock()


def tell(session, what):
    with printing:
        print(session.getSenderCompID().getValue(), what, flush=True)


def text(message):
    return message.toString().replace("\x01", "|")


class Peer(fix.Application):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings

    def onCreate(self, session):
        pass

    def onLogon(self, session):
        tell(session, "logon")

    def onLogout(self, session):
        tell(session, "logout")

    def toAdmin(self, message, session):
        kind = fix.MsgType()
        message.getHeader().getField(kind)
        own = self.settings.get(session)
        if kind.getValue() == "A" and own.has("Username"):
            message.setField(fix.StringField(553, own.getString("Username")))
            message.setField(fix.StringField(554, own.getString("Password")))

    def toApp(self, message, session):
        pass

    def fromAdmin(self, message, session):
        tell(session, text(message))

    def fromApp(self, message, session):
        tell(session, text(message))


def parse(line):
    message = fix.Message()
    for field in filter(None, line.split("|")):
        tag, value = field.split("=", 1)
        if tag == "35":
            message.getHeader().setField(fix.MsgType(value))
        elif value == "now":
            message.setField(fix.TransactTime(3))
        else:
            message.setField(fix.StringField(int(tag), value))
    return message


def main(role, path):
    settings = fix.SessionSettings(path)
    peer = Peer(settings)
    stores = fix.FileStoreFactory(settings)
    engine = {"acceptor": fix.SocketAcceptor, "initiator": fix.SocketInitiator}[role]
    engine = engine(peer, stores, settings)
    engine.start()
    with printing:
        print("started", flush=True)
    for line in sys.stdin:
        sender, _, rest = line.strip().partition(" ")
        for session in settings.getSessions() if hasattr(settings, "getSessions") else []:
            if session.getSenderCompID().getValue() != sender:
                continue
            if rest == "/logout":
                fix.Session.lookupSession(session).logout()
            elif rest.startswith("/next "):
                fix.Session.lookupSession(session).setNextSenderMsgSeqNum(int(rest[6:]))
            else:
                fix.Session.sendToTarget(parse(rest), session)
    engine.stop()


main(*sys.argv[1:])
