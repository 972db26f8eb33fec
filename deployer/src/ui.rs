//! Who listens: the human, the plain and the JSON form of what commands say. Progress and messages go to standard
//! error, results to standard output. It must never decide anything but how things look.

use std::future::poll_fn;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::cli::{Global, Output};
use crate::error::{Code, Failure, code_of};
use crate::event::Event;

mod human;
mod json;
mod paint;
mod phrase;
mod plain;
mod report;
mod table;

use human::Human;
use paint::Paint;
use plain::Plain;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// Where results, messages and questions of a command go. Cheap to clone.
#[derive(Clone)]
pub struct Ui {
    stage: Arc<Mutex<Stage>>,
    verbosity: Verbosity,
    form: Form,
    paint_results: Paint,
    paint_messages: Paint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Human,
    Plain,
    Json,
}

/// The events that wait and whoever shows them, behind one lock: a message never overtakes an event.
struct Stage {
    events: Option<UnboundedReceiver<Event>>,
    listener: Listener,
}

enum Listener {
    Human(Human),
    Plain(Plain),
    Json(Verbosity),
}

impl Ui {
    /// The form that the options and the environment ask for.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let verbosity = match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        let form = form(global.output, io::stderr().is_terminal(), variable("CI").is_some());
        let paint = |is_terminal| paint(form, is_terminal, &variable);
        let (paint_results, paint_messages) =
            (paint(io::stdout().is_terminal()), paint(io::stderr().is_terminal()));
        // The progress bars ask the console crate, which has rules of its own.
        console::set_colors_enabled(paint_results == Paint::On);
        console::set_colors_enabled_stderr(paint_messages == Paint::On);
        let listener = match form {
            Form::Human => Listener::Human(Human::new(verbosity, paint_messages)),
            Form::Plain => Listener::Plain(Plain::new(verbosity)),
            Form::Json => Listener::Json(verbosity),
        };
        let stage = Arc::new(Mutex::new(Stage { events: None, listener }));
        Self { stage, verbosity, form, paint_results, paint_messages }
    }

    /// Shows events on standard error, until the last sender is gone.
    pub fn listen(&self, events: UnboundedReceiver<Event>) -> JoinHandle<()> {
        let stage = Arc::clone(&self.stage);
        lock(&stage).events = Some(events);
        tokio::spawn(poll_fn(move |context| {
            let mut stage = lock(&stage);
            while let Some(events) = &mut stage.events {
                match events.poll_recv(context) {
                    Poll::Ready(Some(event)) => stage.show(&event),
                    Poll::Ready(None) => stage.end(),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        }))
    }

    /// Results are wanted as JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    /// Every step is wanted.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// A result as a JSON document on standard output.
    pub fn data(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).expect("results are plain data");
        self.print(&text);
    }

    /// A result on standard output. A reader that went away is no error.
    pub fn print(&self, text: &str) {
        let _reader_left = self.stream(text);
    }

    /// A part of a result that does not end by itself.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn stream(&self, text: &str) -> io::Result<()> {
        self.stage().write(&mut io::stdout(), text)
    }

    /// A message on standard error, unless quiet.
    pub fn say(&self, text: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let text = if self.is_json() { json::message(text) } else { text.to_owned() };
        let _nobody_watches = self.stage().write(&mut io::stderr(), &text);
    }

    /// A table on standard output.
    pub fn table(&self, headers: &[&str], rows: Vec<Vec<String>>) {
        self.print(&table::render(self.paint_results, headers, &rows));
    }

    /// A text in the colour of its number, when standard output takes colour.
    #[must_use]
    pub fn tint(&self, number: usize, text: &str) -> String {
        self.paint_results.nth(number, text)
    }

    /// Asks, and takes everything but a yes for a no.
    ///
    /// # Errors
    /// When there is nobody to ask.
    pub fn confirm(&self, question: &str) -> anyhow::Result<bool> {
        if self.is_json() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let failure = Failure::new(Code::Usage, format!("nobody can be asked: {question}"));
            return Err(failure.hint("say yes beforehand with --yes").into());
        }
        let mut answer = String::new();
        let stage = self.stage();
        stage.aside(|| {
            let mut screen = io::stderr().lock();
            write!(screen, "{} [y/N] ", self.paint_messages.bold(question))?;
            screen.flush()?;
            io::stdin().lock().read_line(&mut answer)
        })?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Says what went wrong, and gives its exit code.
    pub fn failure(&self, error: &anyhow::Error) -> Code {
        if self.is_json() {
            self.data(&report::data(error));
        } else {
            let _nobody_watches =
                self.stage().write(&mut io::stderr(), &report::text(error, self.paint_messages));
        }
        code_of(error)
    }

    /// The stage, with everything shown that was said before.
    fn stage(&self) -> MutexGuard<'_, Stage> {
        let mut stage = lock(&self.stage);
        while let Some(event) = stage.events.as_mut().and_then(|events| events.try_recv().ok()) {
            stage.show(&event);
        }
        if let Listener::Human(human) = &mut stage.listener {
            let lines = human.rest();
            stage.write_lines(&lines);
        }
        stage
    }
}

impl Stage {
    fn show(&mut self, event: &Event) {
        let lines = match &mut self.listener {
            Listener::Human(human) => human.hear(event),
            Listener::Plain(plain) => plain.hear(event),
            Listener::Json(Verbosity::Quiet) if !phrase::is_failure(event) => return,
            Listener::Json(_) => vec![json::event(event)],
        };
        self.write_lines(&lines);
    }

    fn end(&mut self) {
        self.events = None;
        if let Listener::Human(human) = &mut self.listener {
            let lines = human.finish();
            self.write_lines(&lines);
        }
    }

    fn write_lines(&self, lines: &[String]) {
        if !lines.is_empty() {
            let _nobody_watches = self.write(&mut io::stderr(), &lines.join("\n"));
        }
    }

    /// Writes a text and ends its last line.
    fn write(&self, to: &mut dyn Write, text: &str) -> io::Result<()> {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        self.aside(|| to.write_all(format!("{text}{end}").as_bytes()).and_then(|()| to.flush()))
    }

    /// Does something with the screen while no bar is on it.
    fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.listener {
            Listener::Human(human) => human.suspend(act),
            Listener::Plain(_) | Listener::Json(_) => act(),
        }
    }
}

/// A listener that panicked has said what it could; the others go on.
fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn form(asked: Output, is_terminal: bool, in_ci: bool) -> Form {
    match asked {
        Output::Human => Form::Human,
        Output::Plain => Form::Plain,
        Output::Json => Form::Json,
        Output::Auto if is_terminal && !in_ci => Form::Human,
        Output::Auto => Form::Plain,
    }
}

/// `NO_COLOR` wins over `CLICOLOR_FORCE`, which wins over what is at the other end.
fn paint(form: Form, is_terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> Paint {
    let dumb = variable("TERM").is_some_and(|term| term == "dumb");
    let forced = variable("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    match form {
        _ if variable("NO_COLOR").is_some() => Paint::Off,
        Form::Plain | Form::Json => Paint::Off,
        Form::Human if forced || (is_terminal && !dumb) => Paint::On,
        Form::Human => Paint::Off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_outside_of_ci_is_for_people() {
        assert_eq!(form(Output::Auto, true, false), Form::Human);
        assert_eq!(form(Output::Auto, true, true), Form::Plain);
        assert_eq!(form(Output::Auto, false, false), Form::Plain);
        assert_eq!(form(Output::Human, false, true), Form::Human);
        assert_eq!(form(Output::Json, true, false), Form::Json);
    }

    #[test]
    fn colour_asks_the_environment_first() {
        let check = |form, is_terminal, set: &[(&str, &str)], expect| {
            let variable =
                |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(paint(form, is_terminal, &variable), expect, "{form:?} {is_terminal} {set:?}");
        };
        check(Form::Human, true, &[], Paint::On);
        check(Form::Human, false, &[], Paint::Off);
        check(Form::Human, true, &[("NO_COLOR", "1")], Paint::Off);
        check(Form::Human, true, &[("TERM", "dumb")], Paint::Off);
        check(Form::Human, false, &[("CLICOLOR_FORCE", "1")], Paint::On);
        check(Form::Human, false, &[("CLICOLOR_FORCE", "0")], Paint::Off);
        check(Form::Human, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], Paint::Off);
        check(Form::Plain, true, &[("CLICOLOR_FORCE", "1")], Paint::Off);
    }
}
