//! Ready-made requests for SMS providers: templates in the same form as a custom provider.

use super::raw::RawPreset;

/// Their names and contents.
const PRESETS: [(&str, &str); 11] = [
    ("46elks", include_str!("presets/46elks.toml")),
    ("bird", include_str!("presets/bird.toml")),
    ("clicksend", include_str!("presets/clicksend.toml")),
    ("infobip", include_str!("presets/infobip.toml")),
    ("kannel", include_str!("presets/kannel.toml")),
    ("messagebird", include_str!("presets/messagebird.toml")),
    ("plivo", include_str!("presets/plivo.toml")),
    ("sinch", include_str!("presets/sinch.toml")),
    ("telnyx", include_str!("presets/telnyx.toml")),
    ("twilio", include_str!("presets/twilio.toml")),
    ("vonage", include_str!("presets/vonage.toml")),
];

/// The preset with this name.
pub(super) fn preset(name: &str) -> Option<RawPreset> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(toml::from_str(text).expect("a test reads each preset"))
}

/// All names, for error messages.
pub(super) fn names() -> [&'static str; PRESETS.len()] {
    PRESETS.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_can_be_read_and_names_the_page_it_follows() {
        for (name, text) in PRESETS {
            assert!(preset(name).is_some_and(|preset| preset.url.is_some()), "{name}");
            assert!(text.starts_with("# ") && text.contains("# Follows http"), "{name}");
        }
    }

    #[test]
    fn the_manual_lists_each_preset_with_its_variables() {
        let manual = include_str!("../../../docs/sms.md");
        for (name, text) in PRESETS {
            let row = manual.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
            let row = row.unwrap_or_else(|| panic!("a row for {name}"));
            let mut told: Vec<&str> = row.split('`').skip(3).step_by(2).collect();
            told.retain(|name| !name.contains('.'));
            let settings: String = text.lines().filter(|line| !line.starts_with('#')).collect();
            let parts = settings.split('{').skip(1).filter_map(|part| part.split_once('}'));
            let mut named: Vec<&str> = parts.map(|(name, _)| name).collect();
            named.retain(|name| {
                let shaped = name.chars().all(|c| c.is_ascii_lowercase());
                shaped && !matches!(*name, "phone" | "message")
            });
            told.sort_unstable();
            named.sort_unstable();
            named.dedup();
            assert_eq!(told, named, "{name}");
        }
    }
}
