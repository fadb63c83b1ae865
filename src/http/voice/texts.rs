//! What callers hear, by language.

use std::collections::BTreeMap;

/// The mark that stands for the code's digits.
pub const MARK: &str = "{code}";

/// The sentences of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentences {
    /// The language as platforms name it (BCP 47), such as `sv-SE`.
    pub tag: String,
    /// Says the code; has [`MARK`] once.
    pub code: String,
    /// Says it again; has [`MARK`] once.
    pub again: String,
    /// Says that there is no code.
    pub refused: String,
    /// Asks for the PIN.
    pub pin: String,
}

/// The shipped sentences: language, tag, code, again, refusal, PIN.
const SHIPPED: [[&str; 6]; 8] = [
    [
        "sv",
        "sv-SE",
        "Din kod är: {code}.",
        "En gång till: {code}.",
        "Vi kan inte ge dig någon kod.",
        "Ange din pinkod och tryck fyrkant.",
    ],
    [
        "nb",
        "nb-NO",
        "Koden din er: {code}.",
        "En gang til: {code}.",
        "Vi kan ikke gi deg noen kode.",
        "Tast inn pinkoden din og trykk firkant.",
    ],
    [
        "da",
        "da-DK",
        "Din kode er: {code}.",
        "En gang til: {code}.",
        "Vi kan ikke give dig en kode.",
        "Indtast din pinkode, og tryk på firkant.",
    ],
    [
        "fi",
        "fi-FI",
        "Koodisi on: {code}.",
        "Vielä kerran: {code}.",
        "Emme voi antaa sinulle koodia.",
        "Näppäile tunnuslukusi ja paina ruutua.",
    ],
    [
        "de",
        "de-DE",
        "Ihr Code lautet: {code}.",
        "Noch einmal: {code}.",
        "Wir können Ihnen keinen Code geben.",
        "Bitte geben Sie Ihre PIN ein und drücken Sie die Rautetaste.",
    ],
    [
        "fr",
        "fr-FR",
        "Votre code est : {code}.",
        "Je répète : {code}.",
        "Nous ne pouvons pas vous donner de code.",
        "Saisissez votre code PIN, puis appuyez sur dièse.",
    ],
    [
        "it",
        "it-IT",
        "Il suo codice è: {code}.",
        "Ripeto: {code}.",
        "Non possiamo fornirle un codice.",
        "Digiti il suo PIN e prema cancelletto.",
    ],
    [
        "en",
        "en-GB",
        "Your code is: {code}.",
        "Once more: {code}.",
        "We cannot give you a code.",
        "Enter your PIN, then press hash.",
    ],
];

impl Sentences {
    /// The shipped sentences of a language, by its code (ISO 639-1); `None` if there are none.
    #[must_use]
    pub fn shipped(language: &str) -> Option<Self> {
        let [_, tag, code, again, refused, pin] =
            SHIPPED.iter().find(|[known, ..]| *known == language)?;
        let [tag, code, again, refused, pin] =
            [tag, code, again, refused, pin].map(|text| (*text).to_owned());
        Some(Self { tag, code, again, refused, pin })
    }

    /// The languages that are shipped.
    #[must_use]
    pub fn languages() -> [&'static str; 8] {
        SHIPPED.map(|[language, ..]| language)
    }
}

/// The sentences of an endpoint's languages, the first of which is the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    default: Sentences,
    others: BTreeMap<String, Sentences>,
}

impl Texts {
    /// The default language's sentences, and those of others by language code.
    #[must_use]
    pub const fn new(default: Sentences, others: BTreeMap<String, Sentences>) -> Self {
        Self { default, others }
    }

    /// The sentences of the first of a user's languages that the endpoint speaks; otherwise those of
    /// its default. `preferred` is `preferredLanguage` of the directory: one language, or several as
    /// in `Accept-Language` (RFC 2798 2.7).
    #[must_use]
    pub fn of(&self, preferred: Option<&str>) -> &Sentences {
        let mut asked: Vec<(&str, f32)> = preferred
            .unwrap_or_default()
            .split(',')
            .filter_map(|range| {
                let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
                let language =
                    tag.trim().split(['-', '_']).next().filter(|text| !text.is_empty())?;
                let weight = weight.trim().strip_prefix("q=");
                Some((language, weight.and_then(|text| text.parse().ok()).unwrap_or(1.0)))
            })
            .collect();
        asked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let spoken = |(language, _): &(&str, f32)| {
            let language = language.to_ascii_lowercase();
            let is_default = self.default.tag.split('-').next() == Some(&language);
            if is_default { Some(&self.default) } else { self.others.get(&language) }
        };
        asked.iter().find_map(spoken).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(languages: &[&str]) -> Texts {
        let sentences = |language: &&str| Sentences::shipped(language).expect("shipped");
        let others = languages[1..].iter().map(|one| ((*one).to_owned(), sentences(one)));
        Texts::new(sentences(&languages[0]), others.collect())
    }

    #[test]
    fn each_shipped_sentence_with_a_code_has_one_mark() {
        for language in Sentences::languages() {
            let Sentences { tag, code, again, refused, pin } =
                Sentences::shipped(language).expect("shipped");
            assert!(tag.starts_with(language));
            for text in [&code, &again] {
                assert_eq!(text.matches(MARK).count(), 1, "{text}");
            }
            assert!(!refused.contains(MARK) && !pin.contains(MARK), "{language}");
        }
        assert_eq!(Sentences::shipped("tlh"), None);
    }

    #[test]
    fn a_user_hears_the_first_of_their_languages_that_is_spoken() {
        let texts = of(&["sv", "en", "fi"]);
        for (preferred, tag) in [
            (None, "sv-SE"),
            (Some(""), "sv-SE"),
            (Some("fi"), "fi-FI"),
            (Some("EN-us"), "en-GB"),
            (Some("de"), "sv-SE"),
            (Some("de, fi;q=0.5, en;q=0.8"), "en-GB"),
            (Some("sv, en"), "sv-SE"),
            (Some(";;,,"), "sv-SE"),
        ] {
            assert_eq!(texts.of(preferred).tag, tag, "{preferred:?}");
        }
    }
}
