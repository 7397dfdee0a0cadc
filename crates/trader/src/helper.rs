//! Work that may wait, on a thread of its own: the hot one asks, and looks for the answer now and then.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// A thread that answers one question after the other.
pub struct Helper<Q, A> {
    questions: Sender<Q>,
    answers: Receiver<A>,
    thread: Option<JoinHandle<()>>,
}

impl<Q: Send + 'static, A: Send + 'static> Helper<Q, A> {
    /// One who answers by `work`. The thread has this name.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn new(name: &str, mut work: impl FnMut(Q) -> A + Send + 'static) -> io::Result<Self> {
        let (questions, asked) = channel::<Q>();
        let (told, answers) = channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(question) = asked.recv() {
                if told.send(work(question)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { questions, answers, thread: Some(thread) })
    }

    /// Asks.
    pub fn ask(&self, question: Q) {
        // Without its thread there is no answer: the program is at its end.
        let _gone = self.questions.send(question);
    }

    /// An answer that was not taken yet.
    pub fn take(&self) -> Option<A> {
        self.answers.try_recv().ok()
    }
}

impl<Q, A> Drop for Helper<Q, A> {
    fn drop(&mut self) {
        // It ends when nobody can ask any more.
        self.questions = channel().0;
        if let Some(thread) = self.thread.take() {
            // What it failed with is over too.
            let _ended = thread.join();
        }
    }
}
