//! Progress bars for what runs, a line for what is done. It must never be the only form that says a thing: whatever
//! it says, the plain form says too.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Verbosity;
use super::paint::Paint;
use super::phrase::{self, committed, headline, indented, tame, time};
use crate::event::Event;
use crate::tail::Tail;

/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(100);

/// Names are padded to this, so that times line up.
const COLUMN: usize = 44;

/// The human form.
pub(super) struct Human {
    verbosity: Verbosity,
    paint: Paint,
    bars: MultiProgress,
    activities: BTreeMap<String, Activity>,
    wave: Option<Wave>,
}

struct Activity {
    bar: ProgressBar,
    output: Tail,
}

/// Steps that run at the same time.
struct Wave {
    title: String,
    bar: ProgressBar,
    began: Instant,
    running: BTreeMap<usize, String>,
    failed: bool,
}

impl Human {
    pub fn new(verbosity: Verbosity, paint: Paint) -> Self {
        let target = match verbosity {
            Verbosity::Quiet => ProgressDrawTarget::hidden(),
            _ => ProgressDrawTarget::stderr(),
        };
        let bars = MultiProgress::with_draw_target(target);
        Self { verbosity, paint, bars, activities: BTreeMap::new(), wave: None }
    }

    /// Takes the bars off the screen while something else is written to it.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bars.suspend(write)
    }

    /// The lines that an event leaves behind.
    pub fn hear(&mut self, event: &Event) -> Vec<String> {
        let lines = self.lines(event);
        if self.verbosity == Verbosity::Quiet && !phrase::is_failure(event) { Vec::new() } else { lines }
    }

    /// The lines that are due when a verdict follows.
    pub fn rest(&mut self) -> Vec<String> {
        let idle = self.wave.as_ref().is_some_and(|wave| wave.running.is_empty());
        let lines = if idle { self.end_wave() } else { Vec::new() };
        if self.verbosity == Verbosity::Quiet { Vec::new() } else { lines }
    }

    /// Takes everything that still moves off the screen.
    pub fn finish(&mut self) -> Vec<String> {
        let lines = self.rest();
        self.activities.values().for_each(|activity| activity.bar.finish_and_clear());
        self.activities.clear();
        if let Some(wave) = self.wave.take() {
            wave.bar.finish_and_clear();
        }
        lines
    }

    fn lines(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::Note { text } => text.lines().map(tame).collect(),
            Event::Warning { text } => self.warning(text),
            Event::ActivityStarted { name } => {
                self.activity(name);
                Vec::new()
            }
            Event::ActivityProgress { name, text, done, total } => {
                self.progress(name, text, *done, *total);
                Vec::new()
            }
            Event::ActivityOutput { name, line } => self.output(name, line),
            Event::ActivityEnded { name, result, ok, took } => self.ended(name, result, *ok, *took),
            Event::Started { verb, stack, release, .. } => {
                vec![self.paint.bold(&headline(verb, stack, *release))]
            }
            Event::Wave { title } => self.begin_wave(title),
            Event::StepStarted { step, text, .. } => {
                self.in_wave(|wave| _ = wave.running.insert(*step, text.clone()));
                Vec::new()
            }
            Event::StepDone { step, text, took } => self.done(*step, text, *took),
            Event::StepFailed { step, text, error } => self.failed(*step, text, error),
            Event::StepStopped { step, .. } => {
                self.in_wave(|wave| {
                    wave.running.remove(step);
                    wave.failed = true;
                });
                Vec::new()
            }
            Event::Committed { release } => {
                let mut lines = self.end_wave();
                lines.push(format!("  {} {}", self.paint.green("●"), self.paint.bold(&committed(*release))));
                lines
            }
            Event::Unwinding { reason } => self.unwinding(reason),
            Event::Undone { text } => {
                self.in_wave(|wave| wave.bar.set_message(text.clone()));
                if self.verbosity == Verbosity::Verbose {
                    vec![format!("    taken back: {text}")]
                } else {
                    Vec::new()
                }
            }
            Event::UndoFailed { text, error } => {
                self.in_wave(|wave| wave.failed = true);
                self.cross(&format!("could not take back: {text}"), error)
            }
        }
    }

    fn warning(&self, text: &str) -> Vec<String> {
        let mut lines = phrase::warning(text).lines().map(tame).collect::<Vec<_>>();
        if let Some(first) = lines.first_mut() {
            *first = self.paint.yellow(first);
        }
        lines
    }

    fn activity(&mut self, name: &str) -> &mut Activity {
        self.activities.entry(name.to_owned()).or_insert_with(|| {
            let bar = turning(&self.bars, name);
            Activity { bar, output: Tail::default() }
        })
    }

    fn progress(&mut self, name: &str, text: &str, done: u64, total: u64) {
        let bar = &self.activity(name).bar;
        if total > 0 && bar.length() != Some(total) {
            bar.set_style(style("  {spinner} {prefix}  {bar:24.cyan/dim} {percent:>3}%  {wide_msg:.dim}"));
            bar.set_length(total);
        }
        bar.set_position(done);
        bar.set_message(tame(text));
    }

    fn output(&mut self, name: &str, line: &str) -> Vec<String> {
        let (line, verbose) = (tame(line), self.verbosity == Verbosity::Verbose);
        let activity = self.activity(name);
        activity.output.push(&line);
        if verbose {
            return vec![format!("{} {line}", self.paint.dim(&format!("    {name} |")))];
        }
        activity.bar.set_message(line);
        Vec::new()
    }

    fn ended(&mut self, name: &str, result: &str, ok: bool, took: Duration) -> Vec<String> {
        let Some(activity) = self.activities.remove(name) else {
            return vec![if ok { self.tick(name, result, took) } else { self.crossed(name, result, took) }];
        };
        activity.bar.finish_and_clear();
        if ok {
            return vec![self.tick(name, result, took)];
        }
        let mut lines = vec![self.crossed(name, result, took)];
        // Whoever is verbose has seen the output already.
        if self.verbosity != Verbosity::Verbose {
            let bar = self.paint.dim("    |");
            lines.extend(activity.output.lines().map(|line| format!("{bar} {line}")));
        }
        lines
    }

    fn begin_wave(&mut self, title: &str) -> Vec<String> {
        let lines = self.end_wave();
        let bar = turning(&self.bars, title);
        let (began, running) = (Instant::now(), BTreeMap::new());
        self.wave = Some(Wave { title: title.to_owned(), bar, began, running, failed: false });
        lines
    }

    fn end_wave(&mut self) -> Vec<String> {
        let Some(wave) = self.wave.take() else { return Vec::new() };
        wave.bar.finish_and_clear();
        let took = wave.began.elapsed();
        vec![if wave.failed {
            self.crossed(&wave.title, "failed", took)
        } else {
            self.tick(&wave.title, "", took)
        }]
    }

    fn in_wave(&mut self, change: impl FnOnce(&mut Wave)) {
        if let Some(wave) = &mut self.wave {
            change(wave);
            if !wave.running.is_empty() {
                let texts: Vec<&str> = wave.running.values().map(String::as_str).collect();
                wave.bar.set_message(texts.join(", "));
            }
        }
    }

    fn done(&mut self, step: usize, text: &str, took: Duration) -> Vec<String> {
        self.in_wave(|wave| _ = wave.running.remove(&step));
        if self.verbosity == Verbosity::Verbose {
            return vec![format!("    {text}  {}", self.paint.dim(&time(took)))];
        }
        Vec::new()
    }

    fn failed(&mut self, step: usize, text: &str, error: &str) -> Vec<String> {
        self.in_wave(|wave| {
            wave.running.remove(&step);
            wave.failed = true;
        });
        self.cross(&format!("failed: {text}"), error)
    }

    fn unwinding(&mut self, reason: &str) -> Vec<String> {
        let mut lines = self.end_wave();
        let title = "take everything back";
        lines.push(format!(
            "  {} {title}: {}",
            self.paint.yellow("↩"),
            tame(reason.lines().next().unwrap_or_default())
        ));
        lines.extend(self.begin_wave(title));
        lines
    }

    /// `  ✓ build data-app   cached  1.2s`
    fn tick(&self, name: &str, result: &str, took: Duration) -> String {
        self.verdict(&self.paint.green("✓"), name, result, took)
    }

    fn crossed(&self, name: &str, result: &str, took: Duration) -> String {
        let result = if result.contains("failed") { result.to_owned() } else { format!("failed: {result}") };
        self.verdict(&self.paint.red("✗"), name, &result, took)
    }

    fn verdict(&self, mark: &str, name: &str, result: &str, took: Duration) -> String {
        let name = console::pad_str(name, COLUMN, console::Alignment::Left, None);
        let result = if result.is_empty() { String::new() } else { format!("  {}", tame(result)) };
        format!("  {mark} {name}{}{result}", self.paint.dim(&format!("{:>7}", time(took))))
    }

    fn cross(&self, what: &str, why: &str) -> Vec<String> {
        let mut lines = vec![format!("  {} {}", self.paint.red("✗"), what)];
        lines.extend(indented(why, "      "));
        lines
    }
}

/// A spinner with a name, drawn among the others.
fn turning(bars: &MultiProgress, name: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_style(style("  {spinner} {prefix}  {elapsed:.dim}  {wide_msg:.dim}"));
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(TURN);
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are fixed texts").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(verbosity: Verbosity, events: &[Event]) -> Vec<String> {
        let mut human = Human::new(verbosity, Paint::Off);
        human.bars.set_draw_target(ProgressDrawTarget::hidden());
        let mut lines: Vec<String> = events.iter().flat_map(|event| human.hear(event)).collect();
        lines.extend(human.finish());
        // Times differ from run to run.
        lines
            .iter()
            .map(|line| line.split_whitespace().filter(|word| !is_time(word)).collect::<Vec<_>>().join(" "))
            .collect()
    }

    fn is_time(word: &str) -> bool {
        word.ends_with("ms") && word.starts_with(|c: char| c.is_ascii_digit())
    }

    fn wave(title: &str) -> Event {
        Event::Wave { title: title.into() }
    }

    fn step_started(step: usize) -> Event {
        Event::StepStarted { step, text: format!("step {step}"), cause: "new".into() }
    }

    #[test]
    fn a_wave_leaves_one_line_behind() {
        let done = Event::StepDone { step: 0, text: "step 0".into(), took: Duration::from_millis(3) };
        let events = [
            wave("networks"),
            step_started(0),
            done,
            wave("containers"),
            Event::Committed { release: Some(2) },
        ];
        assert_eq!(
            said(Verbosity::Normal, &events),
            ["✓ networks", "✓ containers", "● committed: release 2 serves"]
        );
        assert_eq!(said(Verbosity::Verbose, &events)[0], "step 0");
        assert!(said(Verbosity::Quiet, &events).is_empty());
    }

    #[test]
    fn a_failure_is_told_and_taken_back() {
        let failed =
            Event::StepFailed { step: 0, text: "step 0".into(), error: "unhealthy\nlog line".into() };
        let undone = Event::Undone { text: "remove container".into() };
        let unwinding = Event::Unwinding { reason: "a step failed".into() };
        let events = [wave("containers"), step_started(0), failed, unwinding, undone];
        assert_eq!(
            said(Verbosity::Normal, &events),
            [
                "✗ failed: step 0",
                "unhealthy",
                "log line",
                "✗ containers failed",
                "↩ take everything back: a step failed",
                "✓ take everything back",
            ]
        );
    }

    #[test]
    fn output_appears_only_when_it_explains_a_failure() {
        let name = || "build web".to_owned();
        let output = Event::ActivityOutput { name: name(), line: "no such file".into() };
        let ended = |ok, result: &str| Event::ActivityEnded {
            name: name(),
            result: result.into(),
            ok,
            took: Duration::ZERO,
        };
        assert_eq!(said(Verbosity::Normal, &[output.clone(), ended(true, "cached")]), ["✓ build web cached"]);
        assert_eq!(
            said(Verbosity::Normal, &[output, ended(false, "exit code 1")]),
            ["✗ build web failed: exit code 1", "| no such file"]
        );
    }
}
