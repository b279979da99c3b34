//! What a client accepts: `Accept-Encoding` (RFC 9110 section 12.5.3).

use jackfield_proto::http1::Request;

/// The weight that the client gives a coding with one of these names, 0 to 1. `None`: it does not name it.
pub(crate) fn quality(request: &Request<'_>, names: &[&str]) -> Option<f32> {
    request.header_all("accept-encoding").filter_map(|field| quality_in(field, names)).reduce(f32::max)
}

fn quality_in(field: &[u8], names: &[&str]) -> Option<f32> {
    let of = |item: &[u8]| {
        let item = std::str::from_utf8(item).ok()?;
        let (name, params) = item.split_once(';').unwrap_or((item, ""));
        let is_meant = names.iter().any(|known| known.eq_ignore_ascii_case(name.trim()));
        is_meant.then(|| weight(params))
    };
    field.split(|byte| *byte == b',').filter_map(of).reduce(f32::max)
}

/// A weight that can't be read counts as zero.
fn weight(params: &str) -> f32 {
    let Some((name, value)) = params.split_once('=') else {
        return if params.trim().is_empty() { 1.0 } else { 0.0 };
    };
    let value = if name.trim().eq_ignore_ascii_case("q") { value.trim().parse().ok() } else { None };
    value.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h11_encodings_are_taken_or_not() {
        for (field, gzip) in [
            ("gzip", Some(1.0)),
            ("x-gzip", Some(1.0)),
            ("br, GZIP;q=0.5", Some(0.5)),
            ("x-gzip;q=0.2, gzip;q=0.4", Some(0.4)),
            ("gzip;q=0", Some(0.0)),
            ("gzip;q=0.000", Some(0.0)),
            ("gzip;Q=0", Some(0.0)),
            ("gzip;q =0", Some(0.0)),
            ("gzip; Q=0.5", Some(0.5)),
            ("gzip; q=1", Some(1.0)),
            ("gzip;q=x", Some(0.0)),
            ("gzip;q=2", Some(0.0)),
            ("gzip;a=1;q=0", Some(0.0)),
            ("xgzip", None),
            ("", None),
        ] {
            assert_eq!(quality_in(field.as_bytes(), &["gzip", "x-gzip"]), gzip, "{field}");
        }
    }
}
