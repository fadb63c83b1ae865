//! The languages of the pages, and which one a browser prefers.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::http::header::{AcceptLanguage, Header, Preference, Quality};

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Swedish,
    German,
}

impl Language {
    /// All of them, in discriminant order.
    pub(super) const ALL: [Self; 3] = [Self::English, Self::Swedish, Self::German];

    /// Its code for `lang` and `Content-Language` (RFC 5646).
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Swedish => "sv",
            Self::German => "de",
        }
    }

    /// The preferred language by `Accept-Language`, ignoring the region; English if none is
    /// acceptable or the header makes no sense.
    pub(super) fn wanted(request: &HttpRequest) -> Self {
        let Ok(AcceptLanguage(mut wanted)) = AcceptLanguage::parse(request) else {
            return Self::English;
        };
        wanted.retain(|one| one.quality > Quality::ZERO);
        // The sort is stable, so the first of equal preferences wins.
        wanted.sort_by_key(|one| Reverse(one.quality));
        let known = |one: &Preference<_>| match one {
            Preference::Any => Some(Self::English),
            Preference::Specific(tag) => Self::of(tag),
        };
        wanted.iter().find_map(|one| known(&one.item)).unwrap_or(Self::English)
    }

    /// The language of a language tag.
    fn of(tag: &impl ToString) -> Option<Self> {
        let tag = tag.to_string();
        let primary = tag.split('-').next()?;
        Self::ALL.into_iter().find(|one| one.code().eq_ignore_ascii_case(primary))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header;
    use actix_web::test::TestRequest;

    use super::*;

    fn wanted(accept: &str) -> Language {
        let request = TestRequest::default().insert_header((header::ACCEPT_LANGUAGE, accept));
        Language::wanted(&request.to_http_request())
    }

    #[test]
    fn the_browsers_order_decides_whatever_the_region() {
        assert_eq!(wanted("sv"), Language::Swedish);
        assert_eq!(wanted("de-CH"), Language::German);
        assert_eq!(wanted("DE-de,en;q=0.9"), Language::German);
        assert_eq!(wanted("fr-CH, fr;q=0.9, de;q=0.8, en;q=0.7, *;q=0.5"), Language::German);
        assert_eq!(wanted("en;q=0.5, sv-SE;q=0.6"), Language::Swedish);
        assert_eq!(wanted("de;q=0, sv;q=0.1"), Language::Swedish);
    }

    #[test]
    fn english_is_served_if_no_wanted_language_is_available() {
        assert_eq!(Language::wanted(&TestRequest::default().to_http_request()), Language::English);
        for accept in ["", "fr", "*", "fr, *;q=0.1", "de;q=0", "§", "svx", "den"] {
            assert_eq!(wanted(accept), Language::English, "{accept}");
        }
    }
}
