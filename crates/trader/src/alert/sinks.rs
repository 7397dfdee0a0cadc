//! Where alerts go: to the program's messages, to a file, to a webhook.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use tiercel_telemetry::{Counter, Registry, RegistryError};

use crate::alert::webhook::Webhook;
use crate::alert::{Alert, AlertError, Code};
use crate::config::{AlertsTable, WebhookTable};

/// Who hears a line of text, such as standard error.
pub type Say = &'static (dyn Fn(&str) + Sync);

/// All of them.
pub struct Sinks {
    say: Say,
    has_log: bool,
    file: Option<File>,
    webhook: Option<Webhook>,
    /// What was told, by code.
    told: Vec<Counter>,
    /// What was not written to the file.
    dropped: Counter,
}

impl Sinks {
    /// Those of a configuration, and what is counted of them: `alerts_total{code}`, of what began, and
    /// `alerts_dropped_total`. `say` hears the alerts, if there is a log, and what becomes of the other two.
    ///
    /// # Errors
    /// [`AlertError`].
    pub fn new(table: &AlertsTable, registry: &Registry, say: Say) -> Result<Self, AlertError> {
        let told = |code: &Code| {
            let help = "Alerts of trouble that began.";
            registry.counter("alerts_total", help, &[("code", code.as_str())])
        };
        let dropped = || {
            let help = "Alerts that a file or the webhook did not take.";
            registry.counter("alerts_dropped_total", help, &[])
        };
        let open = |path: &PathBuf| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(|error| AlertError::File { path: path.clone(), error })
        };
        let webhook = |table: &WebhookTable| Webhook::start(table, dropped()?, say);
        Ok(Self {
            say,
            has_log: table.log,
            file: table.file.as_ref().map(open).transpose()?,
            webhook: table.webhook.as_ref().map(webhook).transpose()?,
            told: Code::ALL.iter().map(told).collect::<Result<_, RegistryError>>()?,
            dropped: dropped()?,
        })
    }

    /// Tells it everywhere.
    pub fn tell(&mut self, alert: &Alert) {
        let place = Code::ALL.iter().position(|code| *code == alert.code);
        if let Some(counter) = place.and_then(|at| self.told.get(at))
            && !alert.resolved
        {
            counter.increment();
        }
        let mut line = match serde_json::to_string(alert) {
            Ok(line) => line,
            Err(error) => {
                self.dropped.increment();
                (self.say)(&format!("alerts: {}: {error}", alert.text));
                return;
            }
        };
        if let Some(webhook) = &self.webhook {
            webhook.tell(line.clone());
        }
        if let Some(file) = &mut self.file {
            line.push('\n');
            let written = file.write_all(line.as_bytes());
            line.pop();
            if let Err(error) = written {
                self.dropped.increment();
                (self.say)(&format!("alerts: the file cannot be written: {error}"));
            }
        }
        // Last: those above need nobody who reads messages.
        if self.has_log {
            (self.say)(&line);
        }
    }
}
