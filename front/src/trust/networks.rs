//! The networks of the own interfaces, as the kernel's routing tables tell them.
//! Must never fail: a table that cannot be read has no neighbours in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    base: u128,
    mask: u128,
}

/// IPv4 addresses are compared in their IPv6-mapped form, so that one kind of number is enough.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Range {
    fn new(address: IpAddr, bits: u32) -> Option<Self> {
        let unused = if address.is_ipv4() { 32u32 } else { 128 }.checked_sub(bits)?;
        let mask = u128::MAX.checked_shl(unused).unwrap_or(0);
        Some(Self { base: number(address) & mask, mask })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        number(address) & self.mask == self.base
    }

    /// Where engines put a network's gateway unless they are told otherwise.
    fn is_first(&self, address: IpAddr) -> bool {
        number(address) == self.base + 1
    }
}

impl FromStr for Range {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(drop)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(whole), str::parse).map_err(drop)?;
        Self::new(address, bits).ok_or(())
    }
}

/// The networks that this machine is directly connected to.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    own: Vec<Range>,
    gateways: Vec<IpAddr>,
}

impl Networks {
    pub(crate) fn of_this_machine() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/net/route"), &read("/proc/net/ipv6_route"))
    }

    fn parse(v4: &str, v6: &str) -> Self {
        let mut networks = Self::default();
        for (range, gateway) in v4.lines().filter_map(line_v4).chain(v6.lines().filter_map(line_v6)) {
            networks.gateways.extend(gateway);
            networks.own.extend(range.filter(|_| gateway.is_none()));
        }
        networks
    }

    /// In a network of ours, and not the way out of it.
    pub(crate) fn is_neighbour(&self, peer: IpAddr) -> bool {
        self.own.iter().any(|r| r.contains(peer))
            && !self.own.iter().any(|r| r.is_first(peer))
            && !self.gateways.contains(&peer)
    }
}

type Line = (Option<Range>, Option<IpAddr>);

/// `eth0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0`: numbers as they lie in memory.
fn line_v4(line: &str) -> Option<Line> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let address =
        |i: usize| u32::from_str_radix(fields.get(i)?, 16).ok().map(|n| Ipv4Addr::from(n.to_ne_bytes()));
    let (destination, gateway, mask) = (address(1)?, address(2)?, address(7)?);
    let bits = mask.to_bits().leading_ones();
    let range = Range::new(destination.into(), bits).filter(|_| bits > 0);
    Some((range, (!gateway.is_unspecified()).then_some(gateway.into())))
}

/// `fd00… 40 0000… 00 0000… 00000100 00000001 00000000 00000001 eth0`
fn line_v6(line: &str) -> Option<Line> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let address = |i: usize| u128::from_str_radix(fields.get(i)?, 16).ok().map(Ipv6Addr::from_bits);
    let (destination, gateway) = (address(0)?, address(4)?);
    let bits = u32::from_str_radix(fields.get(1)?, 16).ok()?;
    let shared =
        destination.is_multicast() || destination.is_loopback() || destination.is_unicast_link_local();
    let range = Range::new(destination.into(), bits).filter(|_| bits > 0 && !shared);
    let ours = fields.last().is_some_and(|name| *name != "lo");
    ours.then_some((range, (!gateway.is_unspecified()).then_some(gateway.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t000013AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";
    const V6: &str = "\
fd000000000000010000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000010000000000000001 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
";

    #[track_caller]
    fn check(peer: &str, trusted: bool) {
        assert_eq!(Networks::parse(V4, V6).is_neighbour(peer.parse().unwrap()), trusted, "{peer}");
    }

    #[test]
    fn neighbours_are_believed_and_gateways_are_not() {
        check("172.17.0.5", true);
        check("172.19.255.1", true);
        check("172.17.0.1", false);
        check("172.19.0.1", false);
        check("10.0.0.1", false);
        check("127.0.0.1", false);
        check("fd00:0:0:1::5", true);
        check("fd00:0:0:1::1", false);
        check("fe80::1", false);
        check("::1", false);
    }

    #[test]
    fn garbage_has_no_neighbours() {
        assert!(Networks::parse("x y z\n\n", "zz\n").own.is_empty());
    }

    #[test]
    fn ranges() {
        let range: Range = "10.1.0.0/16".parse().unwrap();
        assert!(range.contains("10.1.9.9".parse().unwrap()));
        assert!(!range.contains("10.2.0.1".parse().unwrap()));
        assert!("10.0.0.1".parse::<Range>().unwrap().contains("10.0.0.1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Range>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!("::/0".parse::<Range>().unwrap().contains("2001:db8::1".parse().unwrap()));
        for bad in ["", "x", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0.0/"] {
            assert!(bad.parse::<Range>().is_err(), "{bad:?}");
        }
    }
}
