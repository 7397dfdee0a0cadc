//! A start: the feed goes on where its archive ends.

use std::path::Path;

use tiercel_journal::storage::Storage;
use tracing::{info, warn};

use super::archive::Archive;
use super::feed::Feed;
use crate::store::{self, CatchUpError, Opened, StoreOptions};

/// Opens the archive in `folder`, and brings it to where the log is: what the log has and the archive
/// has not is told by the commands themselves. If they do not go together (a log that lost its end, or
/// its front; files of before a loss of power), a new session begins with how everything stands.
///
/// # Errors
/// [`CatchUpError`].
pub fn open<S: Storage>(
    folder: &Path,
    sessions_kept: usize,
    opened: &Opened<S>,
    options: &StoreOptions,
) -> Result<(Feed, Archive), CatchUpError> {
    let mut archive = Archive::open(folder, sessions_kept)?;
    let end = opened.engine.sequence();
    if let Some(feed) = go_on(&mut archive, opened, options)? {
        return Ok((feed, archive));
    }
    let mut feed = Feed::of_engine(&opened.engine);
    if end > 0 {
        feed.begin(opened.engine.time(), &mut archive);
        archive.end_of_command(end);
        archive.flush()?;
    }
    Ok((feed, archive))
}

/// The feed where the log is; `None`: a new session has to begin.
fn go_on<S: Storage>(
    archive: &mut Archive,
    opened: &Opened<S>,
    options: &StoreOptions,
) -> Result<Option<Feed>, CatchUpError> {
    let Some(told) = archive.told()? else { return Ok(None) };
    let (end, at) = (opened.engine.sequence(), archive.command());
    if at > end {
        warn!(told = at, log = end, "the feed has told what the log has lost: a session begins");
        return Ok(None);
    }
    let mut rewound = if at < end { store::rewind(&opened.journal, options, at)? } else { None };
    let engine = match &rewound {
        Some(rewound) => rewound.engine(),
        None if at == end => &opened.engine,
        None => {
            warn!(
                told = at,
                log = end,
                "no snapshot leads to where the feed was: a session begins"
            );
            return Ok(None);
        }
    };
    let mut feed = Feed::of_engine(engine);
    if !feed.resume(&told) {
        warn!(told = at, "what the feed has told is not the book: a session begins");
        return Ok(None);
    }
    if let Some(rewound) = &mut rewound {
        let commands = rewound.catch_up(|header, event| {
            feed.apply(header, event, archive);
            if header.is_last() {
                archive.end_of_command(header.sequence);
            }
        })?;
        archive.flush()?;
        info!(commands, "the feed tells what the log has and it had not");
    }
    Ok(Some(feed))
}
