//! The checks that a file declares: requests to a published port, each with what is expected of its answer. It must
//! never decide what a failed check means for a command.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::Value;

use crate::stack::{Check, CheckStep};

mod matching;

use matching::{captured, difference, fill, fill_path, fill_value};

/// As much of an answer is read.
const ANSWER_LIMIT: usize = 1 << 20;

/// As much of an answer is shown.
const EXCERPT: usize = 200;

/// Values of earlier answers, by the names that later steps know them by.
type Captures = BTreeMap<String, Value>;

/// A check that did not pass.
#[derive(Debug, thiserror::Error)]
#[error("step {step}, {method} {path}: {fault}")]
pub struct CheckError {
    /// Which step, from 1.
    pub step: usize,
    /// What was asked.
    pub method: String,
    /// Where.
    pub path: String,
    /// What was expected and what was seen instead.
    pub fault: Fault,
}

/// What was expected and what was seen instead.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The request makes no sense.
    #[error("this is no request: {0}")]
    Request(String),
    /// Nobody answered.
    #[error("no answer: {0}")]
    Silence(String),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Late(Duration),
    /// Another status.
    #[error("expected status {expected}, got {seen}{}", excerpt(.body))]
    Status {
        /// What the file says.
        expected: u16,
        /// What came.
        seen: u16,
        /// The answer.
        body: String,
    },
    /// Another content.
    #[error("{difference}{}", excerpt(.body))]
    Content {
        /// Where and how it differs.
        difference: String,
        /// The answer.
        body: String,
    },
}

/// Runs a check against `http://host:port`; gives the number of its steps. Each answer must come within the limit.
///
/// # Errors
/// The first step that is not answered as expected.
pub async fn run(check: &Check, base: &str, limit: Duration) -> Result<usize, CheckError> {
    let mut captures = Captures::new();
    // Whatever proxy the environment names, a port of the engine is asked directly; and a redirect is an answer.
    let client = Client::builder().no_proxy().redirect(Policy::none()).build();
    for (number, step) in check.steps.iter().enumerate() {
        let path = fill_path(&step.path, &captures);
        let answered = match &client {
            Ok(client) => tokio::time::timeout(limit, ask(client, base, &path, step, &mut captures)).await,
            Err(error) => Ok(Err(Fault::Request(error.to_string()))),
        };
        answered.unwrap_or(Err(Fault::Late(limit))).map_err(|fault| CheckError {
            step: number + 1,
            method: step.method.clone(),
            path,
            fault,
        })?;
    }
    Ok(check.steps.len())
}

async fn ask(
    client: &Client,
    base: &str,
    path: &str,
    step: &CheckStep,
    captures: &mut Captures,
) -> Result<(), Fault> {
    let method =
        Method::from_bytes(step.method.as_bytes()).map_err(|error| Fault::Request(error.to_string()))?;
    let mut request = client.request(method, format!("{base}{path}"));
    if let Some(json) = &step.json {
        request = request.json(&fill_value(json, captures));
    } else if let Some(body) = &step.body {
        request = request.body(fill(body, captures));
    }
    let answer = request.send().await.map_err(|error| silence(&error))?;
    let seen = answer.status().as_u16();
    let body = read(answer).await?;
    if seen != step.status {
        return Err(Fault::Status { expected: step.status, seen, body });
    }
    judge(step, body, captures)
}

/// Looks at the content of an answer, and keeps what later steps need.
fn judge(step: &CheckStep, body: String, captures: &mut Captures) -> Result<(), Fault> {
    if step.expect.is_none() && step.capture.is_empty() {
        return Ok(());
    }
    let answer: Value = match serde_json::from_str(&body) {
        Ok(answer) => answer,
        Err(error) => return Err(Fault::Content { difference: format!("expected JSON: {error}"), body }),
    };
    let expected = step.expect.as_ref().map(|expected| fill_value(expected, captures));
    if let Some(difference) = expected.and_then(|expected| difference(&expected, &answer)) {
        return Err(Fault::Content { difference, body });
    }
    for (name, field) in &step.capture {
        match captured(&answer, field) {
            Some(value) => captures.insert(name.clone(), value.clone()),
            None => return Err(Fault::Content { difference: format!("expected a field `{field}`"), body }),
        };
    }
    Ok(())
}

async fn read(mut answer: Response) -> Result<String, Fault> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| silence(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > ANSWER_LIMIT {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The innermost cause says most: `Connection refused`.
fn silence(error: &reqwest::Error) -> Fault {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    Fault::Silence(causes.last().map(ToString::to_string).unwrap_or_default())
}

/// The beginning of an answer, on one line.
fn excerpt(body: &str) -> String {
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        _ if line.is_empty() => String::new(),
        Some((end, _)) => format!("; the answer begins {}…", &line[..end]),
        None => format!("; the answer is {line}"),
    }
}

#[cfg(test)]
mod tests;
