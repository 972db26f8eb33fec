//! Published ports in their long form, ranges expanded.
//!
//! It must never ask whether a port is free.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::node::{Node, Value};
use crate::report::{Problem, Report, Stop};

/// Every item of `ports` becomes one mapping a port.
pub(super) fn ports(report: &mut Report, service: &mut Node) -> Result<(), Stop> {
    exposed(report, service)?;
    let Some(Value::List(items)) = service.get_mut("ports").map(|ports| &mut ports.value) else {
        return Ok(());
    };
    let mut ports = Vec::with_capacity(items.len());
    for item in std::mem::take(items) {
        let Some(text) = item.value.scalar_text() else {
            ports.push(long(item));
            continue;
        };
        match Short::parse(&text) {
            Ok(short) => {
                report.charge(item.span, short.targets.clone().count())?;
                ports.extend(short.nodes(&item));
            }
            Err(reason) => {
                let problem =
                    Problem::error("port", item.span, format!("`{text}` is not a valid port: {reason}"));
                report.add(problem.help("write `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, in quotes"));
            }
        }
    }
    *items = ports;
    Ok(())
}

/// Exposed ranges are expanded later; what that costs is taken from the budget here.
fn exposed(report: &mut Report, service: &Node) -> Result<(), Stop> {
    for item in service.get("expose").and_then(Node::as_list).unwrap_or_default() {
        let ports = item.as_text().and_then(|text| range(text.split('/').next()?).ok());
        report.charge(item.span, ports.map_or(0, |ports| ports.count() / 8))?;
    }
    Ok(())
}

fn long(mut item: Node) -> Node {
    item.set_default("protocol", Value::Text("tcp".to_owned()));
    item.set_default("mode", Value::Text("ingress".to_owned()));
    item
}

/// A short form, taken apart.
struct Short {
    address: String,
    published: Option<RangeInclusive<u16>>,
    targets: RangeInclusive<u16>,
    protocol: String,
}

impl Short {
    fn parse(text: &str) -> Result<Self, String> {
        let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = protocol.to_lowercase();
        if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
            return Err(format!("the protocol must be `tcp`, `udp` or `sctp`, not `{protocol}`"));
        }
        let (rest, target) = rest.rsplit_once(':').unwrap_or(("", rest));
        let (address, published) = rest.rsplit_once(':').unwrap_or(("", rest));
        let targets = range(target)?;
        let published = if published.is_empty() { None } else { Some(range(published)?) };
        if let Some(published) = &published
            && published.clone().count() != targets.clone().count()
            && targets.clone().count() != 1
        {
            return Err("the two ranges have different lengths".to_owned());
        }
        Ok(Short { address: self::address(address)?, published, targets, protocol })
    }

    fn nodes<'a>(&'a self, item: &'a Node) -> impl Iterator<Item = Node> + 'a {
        let span = item.span;
        let text = move |text: &str| Node::text(text, span);
        let single = self.targets.clone().count() == 1;
        self.targets.clone().enumerate().map(move |(index, target)| {
            let mut port = Node::map([("mode", text("ingress"))], span);
            if !self.address.is_empty() {
                port.set("host_ip", text(&self.address));
            }
            port.set("target", Node::new(Value::Int(i64::from(target)), span));
            if let Some(published) = &self.published {
                let (first, last) = (*published.start(), *published.end());
                let published = if single && first != last {
                    format!("{first}-{last}")
                } else {
                    (usize::from(first) + index).to_string()
                };
                port.set("published", text(&published));
            }
            port.set("protocol", text(&self.protocol));
            port
        })
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| match text.parse::<u16>() {
        Ok(port) => Ok(port),
        Err(_) if text.is_empty() => Err("a port is missing".to_owned()),
        Err(_) => Err(format!("`{text}` is not a port number")),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err(format!("the range `{text}` is the wrong way round"));
    }
    Ok(first..=last)
}

fn address(text: &str) -> Result<String, String> {
    // Without brackets nobody can say where a v6 address ends and the port begins.
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let bracketed = bare.len() != text.len();
    if bare.is_empty() || bare.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4() || bracketed) {
        return Ok(bare.to_owned());
    }
    Err(format!("`{text}` is not an IP address"))
}
