//! Which word was meant by one that is none.

/// The one of `known` that `word` was meant to be, if one is near enough.
pub(super) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' ', '.'], "_");
    let word = plain(word);
    // One slip in a short word, one in each three letters of a longer one.
    let most = (word.chars().count() / 3).max(1);
    let distances =
        known.into_iter().map(|one| (strsim::damerau_levenshtein(&plain(one), &word), one));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= most).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn the_nearest_word_is_meant_if_it_is_near() {
        let known = ["listen", "public_url", "workers", "drain", "SE", "active-directory"];
        for (word, meant) in [
            ("lisen", Some("listen")),
            ("publicurl", Some("public_url")),
            ("public-url", Some("public_url")),
            ("Worker", Some("workers")),
            ("drian", Some("drain")),
            ("se", Some("SE")),
            ("Active Directory", Some("active-directory")),
            ("nonsense", None),
            ("XX", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), meant, "{word}");
        }
        assert_eq!(closest("a", []), None);
    }
}
