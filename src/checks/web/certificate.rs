//! When a certificate ends: the only thing that is read of it (X.509, RFC 5280, section 4.1).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The end of the first certificate of a PEM text, in seconds since the epoch.
pub fn parse_end(pem: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let der = decode(body)?;
    let (_, certificate, _) = element(&der)?;
    let (_, to_be_signed, _) = element(certificate)?;
    let mut rest = to_be_signed;
    // The version is left out in certificates of the first one.
    if element(rest)?.0 == 0xa0 {
        rest = element(rest)?.2;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, time, _) = element(after)?;
    moment(tag, std::str::from_utf8(time).ok()?)
}

/// Tag, content and what follows of the first element (DER).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long & 0x7f)?;
            if digits.len() > 4 {
                return None;
            }
            (digits.iter().fold(0, |sum, b| (sum << 8) | usize::from(*b)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ` (tag 23, years 1950 to 2049) or `YYYYMMDDHHMMSSZ` (tag 24).
fn moment(tag: u8, text: &str) -> Option<i64> {
    let text = match tag {
        23 if text.as_bytes().first()? < &b'5' => format!("20{text}"),
        23 => format!("19{text}"),
        24 => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", text.strip_suffix('Z')?).ok()?;
    Some(TimeZone::UTC.to_timestamp(time).ok()?.as_second())
}

fn decode(body: &str) -> Option<Vec<u8>> {
    use base64ct::{Base64, Encoding as _};
    let packed: String = body.split_whitespace().collect();
    Base64::decode_vec(&packed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(moment(23, "700101000000Z"), Some(0));
        assert_eq!(moment(23, "261125080000Z"), Some(1_795_593_600));
        assert_eq!(moment(24, "20500101000000Z"), Some(2_524_608_000));
        assert_eq!(moment(23, "2611250800Z"), None);
    }

    #[test]
    fn no_certificate_is_no_panic() {
        let odd = "-----BEGIN CERTIFICATE-----\nMIIBgjCC\n-----END CERTIFICATE-----\n";
        for text in ["", "x", odd] {
            assert_eq!(parse_end(text.as_bytes()), None);
        }
    }
}
