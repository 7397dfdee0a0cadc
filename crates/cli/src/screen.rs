//! The terminal: taken over for the live table, and always given back.

use std::io::{self, Stdout, Write};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use crossterm::{cursor, execute, queue};

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// End it.
    Quit,
    /// The next instrument.
    Next,
    /// The one before.
    Previous,
}

/// The terminal, as long as it is taken over.
pub(crate) struct Screen {
    out: Stdout,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it refuses.
    pub(crate) fn open() -> io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
        enable_raw_mode()?;
        let mut screen = Self { out: io::stdout() };
        execute!(screen.out, EnterAlternateScreen, DisableLineWrap, cursor::Hide)?;
        Ok(screen)
    }

    /// Draws lines over what was there; `lines` is told the width and height in characters.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub(crate) fn draw(
        &mut self,
        lines: impl FnOnce(usize, usize) -> Vec<String>,
    ) -> io::Result<()> {
        self.out.write_all(&frame(lines)?)?;
        self.out.flush()
    }

    /// Gives a terminal back that takes nothing: what has to be written to it is not.
    pub(crate) fn abandon(self) {
        // What fails here cannot be helped.
        let _ = disable_raw_mode();
        std::mem::forget(self);
    }
}

/// What draws lines over what was there; `lines` is told the width and height in characters.
///
/// # Errors
/// When the terminal does not say how large it is.
pub(crate) fn frame(lines: impl FnOnce(usize, usize) -> Vec<String>) -> io::Result<Vec<u8>> {
    let (width, height) = size()?;
    let lines = lines(usize::from(width), usize::from(height));
    let mut out = Vec::with_capacity(1 << 14);
    queue!(out, BeginSynchronizedUpdate)?;
    for (row, line) in (0..height).zip(&lines) {
        queue!(out, cursor::MoveTo(0, row), Print(line), Clear(ClearType::UntilNewLine))?;
    }
    queue!(out, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
    Ok(out)
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// The next key that means something, if one was typed.
///
/// # Errors
/// When the terminal cannot be read.
pub(crate) fn key() -> io::Result<Option<Key>> {
    while poll(Duration::ZERO)? {
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let meant = match key.code {
            KeyCode::Char('c' | 'd') if control => Some(Key::Quit),
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
            KeyCode::Tab | KeyCode::Right | KeyCode::Down => Some(Key::Next),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Up => Some(Key::Previous),
            _ => None,
        };
        if meant.is_some() {
            return Ok(meant);
        }
    }
    Ok(None)
}

/// Gives the terminal back. What fails here cannot be helped, and must not hide what went before.
fn restore() {
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        EnableLineWrap,
        cursor::Show,
        LeaveAlternateScreen
    );
    let _ = disable_raw_mode();
}
