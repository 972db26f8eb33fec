//! A replica that takes nothing but what the standard writes, byte for byte, and remembers what it took.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::replica::Replica;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// A header that may be there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.once(name).unwrap()
    }

    fn once(&self, name: &str) -> Result<Option<&str>, String> {
        let mut all = self.headers.iter().filter(|(n, _)| n == name);
        let first = all.next().map(|(_, value)| value.as_str());
        if all.next().is_some() { Err(format!("{name} twice")) } else { Ok(first) }
    }
}

/// What came, over all connections.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Vec<Result<Request, String>>>>);

impl Record {
    /// The requests that came whole since it was asked last; everything that came must be right as far as it goes.
    pub fn requests(&self) -> Vec<Request> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.into_iter().map(Result::unwrap).collect()
    }
}

pub fn replica() -> (Replica, Record) {
    let record = Record::default();
    let kept = record.clone();
    let replica = Replica::raw(move |stream| serve(stream, kept.clone()));
    (replica, record)
}

async fn serve(mut stream: TcpStream, record: Record) {
    let mut read = Vec::new();
    loop {
        match parse(&read) {
            Ok(Some((request, length))) => {
                read.drain(..length);
                record.0.lock().unwrap().push(Ok(request));
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap_or_default();
            }
            Ok(None) => match stream.read_buf(&mut read).await {
                Ok(1..) => {}
                _ => return,
            },
            Err(wrong) => {
                let wrong = format!("{wrong} in {:?}", String::from_utf8_lossy(&read));
                return record.0.lock().unwrap().push(Err(wrong));
            }
        }
    }
}

/// A line without its end, and how many bytes it took. Other letters than those of ASCII may be in any encoding.
fn line(bytes: &[u8]) -> Result<Option<(String, usize)>, String> {
    let Some(end) = bytes.iter().position(|b| *b == b'\n') else { return Ok(None) };
    let line = bytes[..end].strip_suffix(b"\r").ok_or("a line ends with LF")?;
    if line.iter().any(|b| *b < b' ' && *b != b'\t') {
        return Err(format!("a control character in {line:?}"));
    }
    Ok(Some((line.iter().map(|b| char::from(*b)).collect(), end + 1)))
}

/// A request, and how many bytes it took; nothing while it is not complete.
pub fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, String> {
    let Some((first, mut at)) = line(bytes)? else { return Ok(None) };
    let parts: Vec<&str> = first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = parts[..] else { return Err(format!("request line {first:?}")) };
    if !(target.starts_with('/') || target == "*") || target.contains('#') {
        return Err(format!("target {target:?}"));
    }
    let mut headers = Vec::new();
    loop {
        let Some((field, length)) = line(&bytes[at..])? else { return Ok(None) };
        at += length;
        if field.is_empty() {
            break;
        }
        let (name, value) = field.split_once(": ").ok_or(format!("field {field:?}"))?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_!#$%&'*+.^`|~".contains(&b)) {
            return Err(format!("field name {name:?}"));
        }
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let request = Request { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new() };
    request.once("host")?.ok_or("no Host")?;
    let body = match (request.once("content-length")?, request.once("transfer-encoding")?) {
        (None, None) => Some((Vec::new(), 0)),
        (Some(length), None) => sized(length, &bytes[at..])?,
        (None, Some("chunked")) => chunked(&bytes[at..])?,
        both => return Err(format!("a body framed {both:?}")),
    };
    Ok(body.map(|(body, length)| (Request { body, ..request }, at + length)))
}

type Body = Option<(Vec<u8>, usize)>;

fn sized(length: &str, bytes: &[u8]) -> Result<Body, String> {
    if !length.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("length {length:?}"));
    }
    let length: usize = length.parse().map_err(|_| format!("length {length:?}"))?;
    Ok(bytes.get(..length).map(|body| (body.to_vec(), length)))
}

fn chunked(bytes: &[u8]) -> Result<Body, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some((size, length)) = line(&bytes[at..])? else { return Ok(None) };
        at += length;
        if !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("size {size:?}"));
        }
        let size = usize::from_str_radix(&size, 16).map_err(|_| format!("size {size:?}"))?;
        if size == 0 {
            break;
        }
        let Some(data) = bytes.get(at..at + size + 2) else { return Ok(None) };
        body.extend_from_slice(data.strip_suffix(b"\r\n").ok_or("a chunk without an end")?);
        at += size + 2;
    }
    while let Some((trailer, length)) = line(&bytes[at..])? {
        at += length;
        if trailer.is_empty() {
            return Ok(Some((body, at)));
        }
    }
    Ok(None)
}
