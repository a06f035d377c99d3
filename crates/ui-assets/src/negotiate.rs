//! Which form of a file a client takes, and whether it has it already. Pure: headers in, answers out.

use axum::http::{HeaderMap, header};

/// A form that the page's build leaves beside each file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// Smallest first.
    pub(crate) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }
}

/// The encodings that the client takes, smallest first. One that it refuses with `q=0` is not among them.
pub(crate) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = Encoding> {
    let said: Vec<(String, bool)> = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let refused = parts.any(|part| part.strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0_f32));
            (name, !refused)
        })
        .collect();
    Encoding::ALL.into_iter().filter(move |encoding| {
        let by_name = said.iter().find(|(name, _)| name == encoding.name());
        by_name.or_else(|| said.iter().find(|(name, _)| name == "*")).is_some_and(|(_, taken)| *taken)
    })
}

/// Whether `If-None-Match` names `tag`.
pub(crate) fn matches_tag(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|item| item.trim().trim_start_matches("W/"))
        .any(|item| item == tag || item == "*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn chosen(value: &'static str) -> Vec<Encoding> {
        accepted(&headers(header::ACCEPT_ENCODING, value)).collect()
    }

    #[test]
    fn the_smallest_form_comes_first() {
        assert_eq!(chosen("gzip, deflate, br, zstd"), [Encoding::Brotli, Encoding::Gzip]);
        assert_eq!(chosen("gzip;q=0.8"), [Encoding::Gzip]);
        assert_eq!(chosen("*"), [Encoding::Brotli, Encoding::Gzip]);
    }

    #[test]
    fn what_is_refused_is_not_sent() {
        assert_eq!(chosen("br;q=0, gzip"), [Encoding::Gzip]);
        assert_eq!(chosen("identity"), []);
        assert_eq!(accepted(&HeaderMap::new()).count(), 0);
    }

    #[test]
    fn tags_are_compared_weakly() {
        let asked = headers(header::IF_NONE_MATCH, "\"x\", W/\"a1\"");
        assert!(matches_tag(&asked, "\"a1\""));
        assert!(!matches_tag(&asked, "\"a\""));
        assert!(!matches_tag(&HeaderMap::new(), "\"a1\""));
    }
}
