//! `[[tenants.fastagi]]`: a tenant's scripts.

use ipnet::IpNet;
use serde::Deserialize;

use crate::config::check::Problems;
use crate::config::values::Network;
use crate::fastagi::settings::{Mode, PinPrompt, ScriptSettings, Sounds};

/// A script as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawScript {
    pub script: Option<String>,
    pub addresses: Option<Vec<Network>>,
    #[serde(default)]
    pub mode: RawMode,
    #[serde(default)]
    pub sounds: RawSounds,
    pub pin: Option<RawPinPrompt>,
    pub repeat: Option<u8>,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawMode {
    #[default]
    Speak,
    Variable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawSounds {
    #[serde(default)]
    pub before: String,
    #[serde(default)]
    pub after: String,
    #[serde(default)]
    pub refused: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawPinPrompt {
    #[serde(default)]
    pub prompt: String,
    pub digits: Option<u8>,
}

/// Checks a tenant's scripts.
pub(in crate::config) fn check(
    tenant: &str,
    raw: Vec<RawScript>,
    problems: &mut Problems,
) -> Vec<ScriptSettings> {
    let raw = raw.into_iter().enumerate();
    raw.filter_map(|(index, raw)| script(&format!("{tenant}.fastagi[{index}]"), raw, problems))
        .collect()
}

fn script(key: &str, raw: RawScript, problems: &mut Problems) -> Option<ScriptSettings> {
    let at = |name: &str| format!("{key}.{name}");
    let name = problems.url_name(&at("script"), raw.script, "the last part of agi://HOST/SCRIPT");
    let addresses = addresses(&at("addresses"), raw.addresses, problems);
    let repeat = problems.within(&at("repeat"), raw.repeat.unwrap_or(2), 1, 5);
    let sounds = Sounds {
        before: sound(&at("sounds.before"), raw.sounds.before, problems),
        after: sound(&at("sounds.after"), raw.sounds.after, problems),
        refused: sound(&at("sounds.refused"), raw.sounds.refused, problems),
    };
    let pin = raw.pin.map(|pin| PinPrompt {
        prompt: sound(&at("pin.prompt"), pin.prompt, problems),
        digits: problems.within(&at("pin.digits"), pin.digits.unwrap_or(4), 1, 32),
    });
    let mode = match raw.mode {
        RawMode::Speak => Mode::Speak,
        RawMode::Variable => Mode::Variable,
    };
    Some(ScriptSettings { name: name?, addresses, mode, sounds, pin, repeat })
}

fn addresses(key: &str, raw: Option<Vec<Network>>, problems: &mut Problems) -> Vec<IpNet> {
    let accepted = "the addresses of the Asterisk servers, such as [\"10.0.0.5\"]";
    let raw = problems.required(key, raw, accepted).unwrap_or_default();
    if raw.is_empty() {
        problems.add(key, "none", accepted);
    }
    raw.iter().map(|network| network.0).collect()
}

/// The name of a sound file is part of a command, so it has no blanks and no quotes.
fn sound(key: &str, name: String, problems: &mut Problems) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    if name.len() > 100 || !name.bytes().all(plain) {
        let accepted = "the name of a sound file without its extension, such as \"custom/your-code\": \
            at most 100 of a-z A-Z 0-9 _ - . /";
        problems.add(key, format!("{name:?}"), accepted);
    }
    name
}
