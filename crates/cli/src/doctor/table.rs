//! The doctor's table, for people.

use std::io::{self, IsTerminal as _, Write};

use crossterm::style::{StyledContent, Stylize as _};
use tiercel_host::checkup::{Check, Mend, Verdict};

use super::count;
use super::measure::Measured;

/// Where a check's found words begin.
const FOUND: usize = 38;
/// Where explanations begin.
const INDENT: usize = 13;
/// The width without a terminal, and the widest that is pleasant to read.
const WIDTH: usize = 100;

/// How the table is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Characters in a line.
    width: usize,
    /// With colours.
    colours: bool,
    /// Explanations of what is good, too.
    all: bool,
}

impl Style {
    /// What suits standard output: colours and its width on a terminal, plain text else.
    pub(super) fn of_stdout(all: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        // https://no-color.org: set and not empty means none.
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = if terminal { crossterm::terminal::size().ok() } else { None };
        let width = size.map_or(WIDTH, |(columns, _)| usize::from(columns).clamp(50, WIDTH));
        Self { width, colours: terminal && !unwanted, all }
    }

    /// A word in its dress, or as it is.
    fn dress(
        &self,
        text: &str,
        dress: impl FnOnce(StyledContent<&str>) -> StyledContent<&str>,
    ) -> String {
        if self.colours { dress(text.stylize()).to_string() } else { text.to_owned() }
    }

    pub(super) fn verdict(&self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Good => self.dress(&format!("{:8}", "good"), |text| text.green()),
            Verdict::Bad => self.dress(&format!("{:8}", "bad"), |text| text.red().bold()),
            Verdict::Unknown => self.dress(&format!("{:8}", "unknown"), |text| text.yellow()),
        }
    }

    pub(super) fn heading(&self, text: &str) -> String {
        self.dress(text, |text| text.bold())
    }

    fn dim(&self, text: &str) -> String {
        self.dress(text, |text| text.dim())
    }
}

/// Prints the checks in their groups, and what to do in the end.
pub(super) fn print(
    out: &mut impl Write,
    machine: &str,
    checks: &[Check],
    measured: &[Measured],
    style: &Style,
) -> io::Result<()> {
    for line in wrap(machine, style.width) {
        writeln!(out, "{}", style.heading(&line))?;
    }
    let mut group = "";
    for check in checks {
        if check.group != group {
            group = check.group;
            writeln!(out, "\n  {}", style.heading(group))?;
        }
        row(out, check, style)?;
    }
    if !measured.is_empty() {
        writeln!(out, "\n  {}", style.heading("measured"))?;
    }
    for Measured { id, verdict, found, why, .. } in measured {
        entry(out, id, *verdict, found, why, style)?;
    }
    writeln!(out)?;
    totals(out, checks, style)
}

fn row(out: &mut impl Write, check: &Check, style: &Style) -> io::Result<()> {
    let Check { id, verdict, found, why, mend, .. } = check;
    entry(out, id, *verdict, found, why, style)?;
    match mend {
        None => Ok(()),
        // In one line, however long: it is there to be copied.
        Some(Mend::Command(text)) => writeln!(out, "{:INDENT$}# {text}", ""),
        Some(Mend::Boot(text)) => writeln!(out, "{:INDENT$}kernel command line: {text}", ""),
        Some(Mend::Advice(text)) => {
            let lines = wrap(text, style.width.saturating_sub(INDENT + 3));
            for (at, line) in lines.iter().enumerate() {
                let mark = if at == 0 { "-> " } else { "" };
                writeln!(out, "{:INDENT$}{mark:3}{line}", "")?;
            }
            Ok(())
        }
    }
}

/// The verdict, the name, what was found, and why it matters.
fn entry(
    out: &mut impl Write,
    id: &str,
    verdict: Verdict,
    found: &str,
    why: &str,
    style: &Style,
) -> io::Result<()> {
    let title = id.replace('_', " ");
    let mut lines = wrap(found, style.width.saturating_sub(FOUND)).into_iter();
    let first = lines.next().unwrap_or_default();
    let gap = FOUND - INDENT;
    writeln!(out, "    {} {title:gap$}{first}", style.verdict(verdict))?;
    for line in lines {
        writeln!(out, "{:FOUND$}{line}", "")?;
    }
    if style.all || verdict == Verdict::Bad {
        for line in wrap(why, style.width.saturating_sub(INDENT)) {
            writeln!(out, "{:INDENT$}{}", "", style.dim(&line))?;
        }
    }
    Ok(())
}

fn totals(out: &mut impl Write, checks: &[Check], style: &Style) -> io::Result<()> {
    let of = |verdict| count(checks, verdict);
    writeln!(
        out,
        "  {} good, {} bad, {} unknown",
        of(Verdict::Good),
        style.heading(&of(Verdict::Bad).to_string()),
        of(Verdict::Unknown)
    )?;
    let commands =
        checks.iter().filter(|check| matches!(check.mend, Some(Mend::Command(_)))).count();
    if commands > 0 {
        let what = if commands == 1 { "1 of the bad" } else { &format!("{commands} of the bad") };
        writeln!(out, "  {what}: deploy/host/tune.sh (first with --dry-run)")?;
    }
    let parameters = boot_parameters(checks);
    if !parameters.is_empty() {
        writeln!(out, "  kernel command line: {}", parameters.join(" "))?;
    }
    Ok(())
}

/// All parameters that the kernel's command line lacks, each once.
fn boot_parameters(checks: &[Check]) -> Vec<&str> {
    let mut parameters = Vec::new();
    for check in checks {
        if let Some(Mend::Boot(text)) = &check.mend {
            for word in text.split_whitespace() {
                if !parameters.contains(&word) {
                    parameters.push(word);
                }
            }
        }
    }
    parameters
}

/// The text in lines of at most `width` characters, broken between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &'static str, verdict: Verdict, mend: Option<Mend>) -> Check {
        let why = "Because it takes time that nobody has.";
        Check { id, group: "cores", verdict, found: "what was found".to_owned(), why, mend }
    }

    fn printed(checks: &[Check], style: &Style) -> String {
        let mut out = Vec::new();
        print(&mut out, "a machine", checks, &[], style).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_text_has_no_colours_and_says_why_of_the_bad() {
        let style = Style { width: 60, colours: false, all: false };
        let command =
            Mend::Command("echo 1 > /a/very/long/path/that/is/not/broken/at/all/x".into());
        let checks = [
            check("some_good", Verdict::Good, None),
            check("some_bad", Verdict::Bad, Some(command)),
            check("at_boot", Verdict::Bad, Some(Mend::Boot("isolcpus=1 nohz_full=1".into()))),
            check("at_boot_too", Verdict::Bad, Some(Mend::Boot("nohz_full=1".into()))),
        ];
        let text = printed(&checks, &style);
        assert!(!text.contains('\u{1b}'), "{text}");
        assert_eq!(text.matches("Because").count(), 3, "{text}");
        assert!(text.contains("    good     some good                what was found\n"), "{text}");
        assert!(text.contains("# echo 1 > /a/very/long/path/that/is/not/broken/at/all/x\n"));
        assert!(text.contains("1 good, 3 bad, 0 unknown"));
        assert!(text.ends_with("kernel command line: isolcpus=1 nohz_full=1\n"), "{text}");
        let coloured = printed(&checks, &Style { colours: true, all: true, ..style });
        assert!(coloured.contains('\u{1b}'));
        assert_eq!(coloured.matches("Because").count(), 4);
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("indivisible", 3), ["indivisible"]);
        assert!(wrap("", 10).is_empty());
    }
}
