//! Suggests the word that a misspelt one was meant to be.

/// The word in `known` that `word` was probably meant to be, if one is close enough.
pub(super) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' ', '.'], "_");
    let word = plain(word);
    let known: Vec<&str> = known.into_iter().collect();
    let is_short_for = |one: &&&str| {
        let one = plain(one);
        one.len().min(word.len()) >= 3 && (one.starts_with(&word) || word.starts_with(&one))
    };
    // One typo in a short word, one per three letters in a longer one.
    let most = (word.chars().count() / 3).max(1);
    let distances = known.iter().map(|one| (strsim::damerau_levenshtein(&plain(one), &word), one));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    if distance <= most { Some(nearest) } else { known.iter().find(is_short_for).copied() }
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
            ("public", Some("public_url")),
            ("listening", Some("listen")),
            ("nonsense", None),
            ("XX", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), meant, "{word}");
        }
        assert_eq!(closest("a", []), None);
    }
}
