//! Who takes what is posted over HTTP, and fails as often as a test wants.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

/// How a request fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered with this status.
    Answered(u16),
    /// The connection ends without an answer.
    Unanswered,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Posted {
    /// What became of it.
    pub fate: Fate,
    /// Its head: the first line and the headers, in lower case but for values.
    pub head: Vec<String>,
    /// Its body.
    pub body: Value,
}

impl Posted {
    /// Whether it was taken.
    pub fn is_taken(&self) -> bool {
        self.fate == Fate::Answered(200)
    }

    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.head, name)
    }
}

fn value<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let of = |line: &'a String| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    head.iter().find_map(of)
}

/// A server of one client. Its thread ends with the program.
#[derive(Debug)]
pub struct Webhook {
    /// `http://` and where it listens.
    pub url: String,
    posted: Receiver<Posted>,
}

impl Webhook {
    /// The first requests fare like that; those behind are answered with 200.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn start(fates: Vec<Fate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/alerts", listener.local_addr().expect("its address"));
        let (sender, posted) = channel();
        std::thread::spawn(move || {
            let mut fates = fates.into_iter();
            for stream in listener.incoming().map_while(Result::ok) {
                if serve(&stream, &mut fates, &sender).is_none() {
                    return;
                }
            }
        });
        Self { url, posted }
    }

    /// The next request; none if none comes in that time.
    pub fn next(&self, patience: Duration) -> Option<Posted> {
        self.posted.recv_timeout(patience).ok()
    }
}

/// Answers all requests of a connection. None: nobody wants to know of them any more.
fn serve(
    mut stream: &TcpStream,
    fates: &mut impl Iterator<Item = Fate>,
    sender: &Sender<Posted>,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = request(&mut reader) {
        let fate = fates.next().unwrap_or(Fate::Answered(200));
        sender.send(Posted { fate, head, body }).ok()?;
        let Fate::Answered(status) = fate else { return Some(()) };
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return Some(());
        }
    }
    Some(())
}

/// A request; none at the end of the connection.
fn request(reader: &mut impl BufRead) -> Option<(Vec<String>, Value)> {
    let mut head: Vec<String> = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        let (name, rest) = line.split_once(':').unwrap_or((line.as_str(), ""));
        head.push(format!("{}:{}", name.trim().to_lowercase(), rest.trim_end()));
    }
    let length: usize = value(&head, "content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).expect("JSON")))
}
