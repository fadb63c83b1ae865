//! The texts of pages and scripts by language, from the files beside this one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::language::Language;

/// Texts by key.
pub(super) type ByKey = BTreeMap<String, String>;

/// The texts in the page before its script runs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageTexts {
    pub title: String,
    pub loading: String,
    pub no_script: String,
}

/// All texts in one language.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    /// For the page before its script runs.
    pub page: PageTexts,
    /// For the page's script.
    pub script: ByKey,
    /// For the notification worker.
    pub worker: ByKey,
    /// For the script that customers embed.
    pub widget: ByKey,
}

/// In the order of [`Language::ALL`].
static TEXTS: LazyLock<[Texts; 3]> = LazyLock::new(|| {
    [include_str!("texts/en.toml"), include_str!("texts/sv.toml"), include_str!("texts/de.toml")]
        .map(|text| toml::from_str(text).expect("a test reads the texts"))
});

/// The texts of a language.
pub(super) fn of(language: Language) -> &'static Texts {
    &TEXTS[language as usize]
}

/// Inserts the texts of all languages into a script at its placeholder.
pub(super) fn embed(script: &str, texts: fn(&'static Texts) -> &'static ByKey) -> String {
    let all: BTreeMap<&str, &ByKey> =
        Language::ALL.into_iter().map(|one| (one.code(), texts(of(one)))).collect();
    script.replacen(PLACE, &json(&all), 1)
}

/// The placeholder for the texts in a script.
const PLACE: &str = "{/* texts */}";

/// Texts as JSON.
///
/// # Panics
/// Never: texts always serialise.
pub(super) fn json(texts: &impl Serialize) -> String {
    serde_json::to_string(texts).expect("texts always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that a script reads: every word after `texts.`.
    fn read_by(scripts: &[&str]) -> Vec<String> {
        let read = scripts.iter().flat_map(|script| script.split("texts.").skip(1));
        let is_word = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        let mut keys: Vec<String> =
            read.map(|rest| rest.chars().take_while(|letter| is_word(*letter)).collect()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn keys(texts: &ByKey) -> Vec<String> {
        texts.keys().cloned().collect()
    }

    #[test]
    fn every_language_has_every_text_that_a_script_reads_and_no_other() {
        let page = [
            include_str!("assets/page.js"),
            include_str!("assets/view.js"),
            include_str!("assets/notifications.js"),
        ];
        for language in Language::ALL {
            let texts = of(language);
            assert_eq!(keys(&texts.script), read_by(&page), "{language:?}");
            assert_eq!(keys(&texts.worker), read_by(&[include_str!("assets/worker.js")]));
            assert_eq!(keys(&texts.widget), read_by(&[include_str!("assets/widget.js")]));
        }
    }

    /// The words in braces, sorted.
    fn filled_in(text: &str) -> Vec<&str> {
        let mut words: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        words.sort_unstable();
        words
    }

    #[test]
    fn no_text_is_empty_and_all_languages_fill_in_the_same() {
        let english = of(Language::English);
        for language in Language::ALL {
            let texts = of(language);
            let page = [&texts.page.title, &texts.page.loading, &texts.page.no_script];
            assert!(page.iter().all(|text| !text.is_empty()), "{language:?}");
            let parts: [fn(&'static Texts) -> &'static ByKey; 3] =
                [|texts| &texts.script, |texts| &texts.worker, |texts| &texts.widget];
            for part in parts {
                for (key, text) in part(texts) {
                    assert!(!text.trim().is_empty(), "{language:?} {key}");
                    assert_eq!(filled_in(text), filled_in(&part(english)[key]), "{key}");
                }
            }
        }
    }

    #[test]
    fn a_script_has_one_place_for_its_texts() {
        for script in [include_str!("assets/worker.js"), include_str!("assets/widget.js")] {
            assert_eq!(script.matches(PLACE).count(), 1);
            let whole = embed(script, |texts| &texts.worker);
            assert!(whole.contains(r#"{"de":{"body":"#) && !whole.contains(PLACE));
        }
    }
}
