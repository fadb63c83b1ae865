//! Why a server refused a bind, as far as it reveals that: Active Directory in the diagnostic message,
//! others by the result code and the password policy control.

use ldap3::asn1::{PL, StructureTag, TagClass, parse_tag, parse_uint};
use ldap3::controls::{Control, RawControl};

use crate::domain::account_state::PasswordRefusal;

/// The password policy control (draft-behera-ldap-password-policy-10, 6.1 and 6.2).
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Asks servers that support password policies for the reason.
pub(super) fn ask_for_policy() -> RawControl {
    RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None }
}

/// Why a bind was refused, given that the server judged the password.
pub(super) fn why(code: u32, diagnostic: &str, controls: &[Control]) -> PasswordRefusal {
    if let Some(refusal) = policy(controls) {
        return refusal;
    }
    match code {
        // The entry was deleted after being found (noSuchObject, invalidDNSyntax).
        32 | 34 => PasswordRefusal::NoSuchUser,
        _ => active_directory(diagnostic).unwrap_or(PasswordRefusal::WrongPassword),
    }
}

/// Parses the sub-code in Active Directory's message: `… AcceptSecurityContext error, data 52e,
/// v4563`. Sub-codes are system error codes in hex ([MS-ERREF] 2.2).
fn active_directory(diagnostic: &str) -> Option<PasswordRefusal> {
    let (_, rest) = diagnostic.split_once("AcceptSecurityContext error, data ")?;
    let code = rest.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    match u32::from_str_radix(code, 16).ok()? {
        0x525 => Some(PasswordRefusal::NoSuchUser),
        0x52e => Some(PasswordRefusal::WrongPassword),
        0x530 => Some(PasswordRefusal::NotNow),
        0x531 => Some(PasswordRefusal::NotFromHere),
        0x532 => Some(PasswordRefusal::PasswordExpired),
        0x533 => Some(PasswordRefusal::Disabled),
        0x701 => Some(PasswordRefusal::AccountExpired),
        0x773 => Some(PasswordRefusal::MustChangePassword),
        0x775 => Some(PasswordRefusal::LockedOut),
        _ => None,
    }
}

/// What a server's password policy says against a login, even with a right password: after a reset,
/// some servers let a user in only to change the password.
pub(super) fn policy(controls: &[Control]) -> Option<PasswordRefusal> {
    let value = controls.iter().find(|control| control.1.ctype == PASSWORD_POLICY)?;
    let (_, response) = parse_tag(value.1.val.as_deref()?).ok()?;
    let PL::C(parts) = response.payload else { return None };
    let is_error = |part: &&StructureTag| part.class == TagClass::Context && part.id == 1;
    let PL::P(error) = &parts.iter().find(is_error)?.payload else { return None };
    match parse_uint(error).ok()?.1 {
        0 => Some(PasswordRefusal::PasswordExpired),
        1 => Some(PasswordRefusal::LockedOut),
        2 => Some(PasswordRefusal::MustChangePassword),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn control(value: &[u8]) -> Vec<Control> {
        let raw = RawControl {
            ctype: PASSWORD_POLICY.to_owned(),
            crit: false,
            val: Some(value.to_vec()),
        };
        vec![Control(None, raw)]
    }

    #[test]
    fn each_sub_code_of_active_directory_has_its_reason() {
        for (code, reason) in [
            ("525", "no_such_user"),
            ("52e", "wrong_password"),
            ("530", "not_now"),
            ("531", "not_from_here"),
            ("532", "password_expired"),
            ("533", "disabled"),
            ("701", "account_expired"),
            ("773", "must_change_password"),
            ("775", "locked_out"),
            ("80090346", "wrong_password"),
        ] {
            let message = format!(
                "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data \
                 {code}, v3839\0"
            );
            assert_eq!(why(49, &message, &[]).name().as_str(), reason, "{code}");
        }
        for message in ["", "data 533", "AcceptSecurityContext error, data ", "invalid credentials"]
        {
            assert_eq!(why(49, message, &[]), PasswordRefusal::WrongPassword, "{message}");
        }
    }

    #[test]
    fn a_password_policy_says_more_than_the_result_code() {
        let error = |error: u8| control(&[0x30, 3, 0x81, 1, error]);
        assert_eq!(why(49, "", &error(0)), PasswordRefusal::PasswordExpired);
        assert_eq!(why(49, "", &error(1)), PasswordRefusal::LockedOut);
        assert_eq!(policy(&error(2)), Some(PasswordRefusal::MustChangePassword));
        assert_eq!(policy(&error(5)), None);
        // An error together with a warning, then a warning alone.
        let both = [0x30, 8, 0xa0, 3, 0x80, 1, 60, 0x81, 1, 1];
        assert_eq!(policy(&control(&both)), Some(PasswordRefusal::LockedOut));
        assert_eq!(policy(&control(&[0x30, 5, 0xa0, 3, 0x80, 1, 60])), None);
        assert_eq!(policy(&control(&[0x30, 0])), None);
        assert_eq!(why(32, "", &[]), PasswordRefusal::NoSuchUser);
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_control_make_the_reader_panic(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = policy(&control(&value));
        }
    }
}
