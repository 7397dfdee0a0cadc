//! `tiercel fix-echo`: a FIX 4.4 acceptor that sends back what it gets, for tests of sessions.
//!
//! It is what the acceptance definitions of `QuickFIX` are played against: `NewOrderSingle`,
//! `SecurityDefinition` and `Email` come back as they are, with the body's fields in the order of their
//! tags; a possible resend of an order that was seen is passed over; all else is not supported. Both
//! sides begin with 1 at each logon.

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tiercel_net::fix::{Link, Outbox, Responder};
use tiercel_net::tls::Channel;
use tiercel_wire::fix::Message;
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, SessionConfig, Store,
};
use tiercel_wire::fix::tag::{self, Tag};

use crate::exit::Exit;
use crate::fix_client::now;
use crate::stop::Stop;

/// Send FIX messages back to whoever sends them: the other end for tests of FIX sessions
#[derive(Args, Debug)]
pub(crate) struct FixEchoArgs {
    /// The port of 127.0.0.1; 0: any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Who it is: its `SenderCompID`
    #[arg(long, default_value = "ISLD", value_name = "ID")]
    sender: String,
    /// Who may log on
    #[arg(long, default_value = "TW44", value_name = "ID")]
    target: String,
    /// A dictionary in `QuickFIX`'s XML, in place of the built-in one
    #[arg(long, value_name = "FILE")]
    dictionary: Option<PathBuf>,
}

/// Between two looks at the sockets.
const NAP: Duration = Duration::from_millis(1);
/// How long a connection may take to log on.
const LOGON_TIMEOUT: Duration = Duration::from_secs(5);

/// Fields of the header: they are written anew.
const HEADER: [Tag; 10] = [
    tag::MSG_TYPE,
    tag::MSG_SEQ_NUM,
    tag::SENDER_COMP_ID,
    tag::TARGET_COMP_ID,
    tag::SENDING_TIME,
    tag::POSS_DUP_FLAG,
    tag::ORIG_SENDING_TIME,
    tag::ON_BEHALF_OF_COMP_ID,
    tag::DELIVER_TO_COMP_ID,
    tag::POSS_RESEND,
];

/// A message's type and fields.
type Copied = (Vec<u8>, Vec<(Tag, Vec<u8>)>);

/// Keeps what is to be sent back.
#[derive(Default)]
struct Echo {
    seen: HashSet<Vec<u8>>,
    back: Vec<Copied>,
}

impl Application for Echo {
    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        let message_type = message.message_type();
        if !matches!(message_type, b"D" | b"d" | b"C") {
            return Err(BusinessReject::unsupported());
        }
        let resent = message.get(tag::POSS_RESEND) == Some(b"Y");
        if message_type == b"D" {
            let is_new = self.seen.insert(message.get(tag::CL_ORD_ID).unwrap_or_default().to_vec());
            if resent && !is_new {
                return Ok(());
            }
        }
        let body = message.iter().filter(|(tag, _)| !HEADER.contains(tag));
        let mut fields: Vec<_> = body.map(|(tag, value)| (tag, value.to_vec())).collect();
        fields.sort_by_key(|(tag, _)| *tag);
        if resent {
            fields.insert(0, (tag::POSS_RESEND, b"Y".to_vec()));
        }
        self.back.push((message_type.to_vec(), fields));
        Ok(())
    }
}

impl<S: Store> Responder<S> for Echo {
    fn respond(&mut self, outbox: &mut Outbox<'_, S>) {
        for (message_type, fields) in self.back.drain(..) {
            outbox.send(&message_type, |encoder| {
                for (tag, value) in &fields {
                    encoder.raw(*tag, value);
                }
            });
        }
    }
}

/// Echoes until Ctrl-C.
///
/// # Errors
/// When the port is taken, or the dictionary is none.
pub(crate) fn run(args: &FixEchoArgs) -> anyhow::Result<Exit> {
    let mut config =
        SessionConfig::new(args.sender.as_bytes(), args.target.as_bytes(), Role::Acceptor);
    config.reset_on_logon = true;
    if let Some(file) = &args.dictionary {
        let named = || format!("the dictionary {}", file.display());
        let text = std::fs::read_to_string(file).with_context(named)?;
        config.dictionary = Arc::new(Dictionary::from_xml(&text).with_context(named)?);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))?;
    listener.set_nonblocking(true)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "FIX echo {} at {}", args.sender, listener.local_addr()?)?;
    out.flush()?;
    let stop = Stop::listen()?;
    let mut link = Link::new(config, MemoryStore::new(now()));
    let (mut echo, mut since) = (Echo::default(), Instant::now());
    while !stop.asked() {
        match listener.accept() {
            Ok((stream, _)) => {
                // A second connection is dropped; a socket that refuses this is of no use here.
                let ready = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
                if link.stream().is_none() && ready.is_ok() {
                    since = Instant::now();
                    link.attach(now(), stream, Channel::Plain);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let worked = link.poll(now(), &mut echo);
        if !link.session().is_logged_on() && since.elapsed() >= LOGON_TIMEOUT {
            link.drop_connection(now(), &mut echo);
        }
        if link.stream().is_none() {
            echo.seen.clear();
        }
        if !worked {
            std::thread::sleep(NAP);
        }
    }
    Ok(Exit::Ok)
}
