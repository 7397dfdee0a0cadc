//! An Ethernet frame with a UDP datagram in it.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Datagram;

/// Bytes of the headers: Ethernet without a VLAN's tag, IPv4 without options, UDP.
const ETHERNET: usize = 14;
const IP: usize = 20;
const UDP: usize = 8;
/// More fragments, and the offset of this one.
const FRAGMENT: u16 = 0x3fff;

/// The datagram in `frame`, if it is one of IPv4, in one piece, without options.
#[inline]
pub(super) fn udp_payload(frame: &[u8]) -> Option<Datagram<'_>> {
    let (ethernet, rest) = frame.split_first_chunk::<ETHERNET>()?;
    let (ip, rest) = rest.split_first_chunk::<IP>()?;
    let (udp, rest) = rest.split_first_chunk::<UDP>()?;
    let number = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    let is_whole = number(&ip[6..]) & FRAGMENT == 0;
    if ethernet[12..] != [0x08, 0x00] || ip[0] != 0x45 || ip[9] != 17 || !is_whole {
        return None;
    }
    // Behind the datagram there may be padding.
    let length = usize::from(number(&udp[4..])).checked_sub(UDP)?;
    if usize::from(number(&ip[2..])) < IP + UDP + length {
        return None;
    }
    let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    Some(Datagram {
        from: SocketAddrV4::new(address(12), number(&udp[..])),
        to: SocketAddrV4::new(address(16), number(&udp[2..])),
        payload: rest.get(..length)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut frame = vec![0; ETHERNET + IP + UDP];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&33_u16.to_be_bytes());
        frame[23] = 17;
        frame[26..34].copy_from_slice(&[10, 0, 0, 1, 239, 1, 2, 3]);
        frame[34..36].copy_from_slice(&4_000_u16.to_be_bytes());
        frame[36..38].copy_from_slice(&5_000_u16.to_be_bytes());
        frame[38..40].copy_from_slice(&13_u16.to_be_bytes());
        frame.extend(b"hello\0\0\0");
        frame
    }

    #[test]
    fn a_datagram_is_its_addresses_and_its_payload_without_padding() {
        let frame = frame();
        let datagram = udp_payload(&frame).unwrap();
        assert_eq!(datagram.payload, b"hello");
        assert_eq!(datagram.from, "10.0.0.1:4000".parse().unwrap());
        assert_eq!(datagram.to, "239.1.2.3:5000".parse().unwrap());
    }

    #[test]
    fn what_is_no_whole_datagram_is_none() {
        let whole = frame();
        let end = whole.len() - 3;
        for length in 0..end {
            assert_eq!(udp_payload(&whole[..length]), None, "{length} bytes");
        }
        // Another protocol, options, a fragment, lengths that do not go together.
        for (at, byte) in [(12, 9), (14, 0x46), (23, 6), (20, 0x20), (21, 1), (17, 32), (39, 7)] {
            let mut frame = whole.clone();
            frame[at] = byte;
            assert_eq!(udp_payload(&frame), None, "byte {at}");
        }
        let mut whole = whole;
        whole[20] = 0x40;
        assert!(udp_payload(&whole).is_some(), "not to be fragmented is no fragment");
    }
}
