// QuickFIX as it comes, driven by lines: the other side of a FIX session for fix_quickfix.py.
//
//   peer initiator|acceptor SETTINGS
//
//   standard input                            standard output
//   SENDER 35=D|11=a|...   sends a message    SENDER logon, SENDER logout
//   SENDER /logout         says goodbye       SENDER 35=8|11=a|...   what came; session messages too
//   SENDER /next 50        its next number
//
// Settings are QuickFIX's own. Username and Password of a session go into its logon.

#include <quickfix/FileStore.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketAcceptor.h>
#include <quickfix/SocketInitiator.h>

#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

namespace {

std::mutex printing;

void print(const std::string& line) {
    std::lock_guard<std::mutex> lock(printing);
    std::cout << line << std::endl;
}

std::string text(const FIX::Message& message) {
    std::string bytes = message.toString();
    for (char& byte : bytes)
        if (byte == '\x01') byte = '|';
    return bytes;
}

class Peer : public FIX::Application {
  public:
    explicit Peer(const FIX::SessionSettings& settings) : settings_(settings) {}

    void onCreate(const FIX::SessionID&) override {}
    void onLogon(const FIX::SessionID& id) override { tell(id, "logon"); }
    void onLogout(const FIX::SessionID& id) override { tell(id, "logout"); }

    void toAdmin(FIX::Message& message, const FIX::SessionID& id) override {
        if (message.getHeader().getField(35) != "A") return;
        const FIX::Dictionary& own = settings_.get(id);
        if (own.has("Username")) message.setField(553, own.getString("Username"));
        if (own.has("Password")) message.setField(554, own.getString("Password"));
    }

    void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) override {}

    void fromAdmin(const FIX::Message& message, const FIX::SessionID& id) throw(
        FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
        FIX::RejectLogon) override {
        tell(id, text(message));
    }

    void fromApp(const FIX::Message& message, const FIX::SessionID& id) throw(
        FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
        FIX::UnsupportedMessageType) override {
        tell(id, text(message));
    }

  private:
    static void tell(const FIX::SessionID& id, const std::string& what) {
        print(id.getSenderCompID().getValue() + " " + what);
    }

    const FIX::SessionSettings& settings_;
};

// A message of fields with bars behind them; 60=now is the time.
FIX::Message parse(const std::string& line) {
    FIX::Message message;
    std::stringstream fields(line);
    std::string field;
    while (std::getline(fields, field, '|')) {
        const size_t equals = field.find('=');
        if (equals == std::string::npos) continue;
        const int tag = std::stoi(field.substr(0, equals));
        const std::string value = field.substr(equals + 1);
        if (tag == 35)
            message.getHeader().setField(tag, value);
        else if (value == "now")
            message.setField(FIX::TransactTime(3));
        else
            message.setField(tag, value);
    }
    return message;
}

void obey(const FIX::SessionSettings& settings) {
    std::string line;
    while (std::getline(std::cin, line)) {
        const size_t blank = line.find(' ');
        const std::string sender = line.substr(0, blank);
        const std::string rest = blank == std::string::npos ? "" : line.substr(blank + 1);
        for (const FIX::SessionID& id : settings.getSessions()) {
            FIX::Session* session = FIX::Session::lookupSession(id);
            if (id.getSenderCompID().getValue() != sender || session == nullptr) continue;
            if (rest == "/logout") {
                session->logout();
            } else if (rest.compare(0, 6, "/next ") == 0) {
                session->setNextSenderMsgSeqNum(std::stoi(rest.substr(6)));
            } else {
                FIX::Message message = parse(rest);
                FIX::Session::sendToTarget(message, id);
            }
        }
    }
}

template <typename Engine>
void run(const FIX::SessionSettings& settings) {
    Peer peer(settings);
    FIX::FileStoreFactory stores(settings);
    Engine engine(peer, stores, settings);
    engine.start();
    print("started");
    obey(settings);
    engine.stop();
}

}  // namespace

int main(int count, char** arguments) {
    try {
        if (count != 3) throw std::runtime_error("peer initiator|acceptor SETTINGS");
        const FIX::SessionSettings settings(arguments[2]);
        if (std::string(arguments[1]) == "acceptor")
            run<FIX::SocketAcceptor>(settings);
        else
            run<FIX::SocketInitiator>(settings);
    } catch (const std::exception& error) {
        std::cerr << "peer: " << error.what() << std::endl;
        return 1;
    }
}
