//! `[tenants.otp]`, `[tenants.login]` and `[tenants.limits]`: a tenant's policies.

use std::time::Duration;

use serde::Deserialize;

use super::check::Problems;
use crate::domain::human_duration::HumanDuration;
use crate::domain::policy::{Limits, LoginPolicy, OtpPolicy, Quota};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOtp {
    pub length: Option<u8>,
    pub lifetime: Option<HumanDuration>,
    pub max_attempts: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLogin {
    pub password: Option<RawPassword>,
    pub refusal_floor: Option<HumanDuration>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawPassword {
    Required,
    NotAsked,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub codes_per_user: Option<Quota>,
    pub calls_per_number: Option<Quota>,
    pub wrong_passwords_per_user: Option<Quota>,
    pub wrong_codes_per_user: Option<Quota>,
}

/// What a login requires besides the code.
pub(super) fn login(key: &str, raw: &RawLogin, problems: &mut Problems) -> LoginPolicy {
    LoginPolicy {
        password_required: raw.password != Some(RawPassword::NotAsked),
        refusal_floor: problems.span(
            &format!("{key}.refusal_floor"),
            raw.refusal_floor,
            Duration::from_millis(300),
            Duration::ZERO,
            Duration::from_secs(5),
        ),
    }
}

/// How codes are made. If the code is the only secret, it is longer, and mistyping is allowed more
/// often.
pub(super) fn otp(
    key: &str,
    raw: &RawOtp,
    password_required: bool,
    problems: &mut Problems,
) -> OtpPolicy {
    let secs = Duration::from_secs;
    let (length, max_attempts) = if password_required { (6, 3) } else { (8, 10) };
    let lifetime_key = format!("{key}.lifetime");
    let lifetime = problems.span(&lifetime_key, raw.lifetime, secs(180), secs(10), secs(600));
    if lifetime.subsec_nanos() != 0 {
        problems.add(&lifetime_key, humantime::format_duration(lifetime), "whole seconds");
    }
    let length = raw.length.unwrap_or(length);
    let max_attempts = raw.max_attempts.unwrap_or(max_attempts);
    OtpPolicy {
        digits: problems.within(&format!("{key}.length"), length, 6, 8),
        lifetime,
        max_attempts: problems.within(&format!("{key}.max_attempts"), max_attempts, 1, 20),
    }
}

pub(super) fn limits(key: &str, raw: &RawLimits, problems: &mut Problems) -> Limits {
    let minutes = |burst, minutes| Quota { burst, per: Duration::from_mins(minutes) };
    let mut quota = |name, value, default| {
        problems.quota(&format!("{key}.{name}"), value, default, Quota::MAX_BURST)
    };
    Limits {
        codes_per_user: quota("codes_per_user", raw.codes_per_user, minutes(5, 10)),
        calls_per_number: quota("calls_per_number", raw.calls_per_number, minutes(5, 10)),
        wrong_passwords_per_user: quota(
            "wrong_passwords_per_user",
            raw.wrong_passwords_per_user,
            minutes(4, 15),
        ),
        wrong_codes_per_user: quota(
            "wrong_codes_per_user",
            raw.wrong_codes_per_user,
            minutes(10, 60),
        ),
    }
}
