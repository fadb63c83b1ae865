//! The decisions of steps when tries overlap. The stores' contract tests cover everything else.

use super::*;
use crate::domain::grant::{KeyId, Purpose, Subject};
use crate::domain::tenant::TenantId;

const NONCE: [u8; 16] = [7; 16];

fn limits() -> Limits {
    let quota = Quota { burst: 4, per: Duration::from_mins(15) };
    Limits {
        codes_per_user: quota,
        calls_per_number: quota,
        wrong_passwords_per_user: quota,
        wrong_codes_per_user: quota,
    }
}

fn subject() -> Subject {
    let tenant = TenantId::parse("t1").expect("an id");
    Subject { tenant, purpose: Purpose::Call, id: "anna".to_owned() }
}

fn account() -> Account {
    let key_id = KeyId::from_stored("1".to_owned());
    let grant = Grant { key_id, nonce: NONCE, issued_at: 0, expires_at: 180, digits: 6 };
    let grant = StoredGrant { grant, tried: false, tries_left: 3, wrong_codes_left: 20 };
    Account { grant: Some(grant), ..Account::default() }
}

fn reserve(account: &mut Account, from: Option<ClientAddress>, at: i64) -> Reservation {
    let (subject, limits) = (subject(), limits());
    let request = ReserveRequest { subject, nonce: NONCE, code_right: true, from, limits };
    account.reserve(&request, Timestamp::from_millis(at)).answer
}

#[test]
fn a_try_reserved_after_the_right_one_stays_counted() {
    let mut account = account();
    let from = ClientAddress::parse("192.0.2.1");
    // The second try is right, and settled while the third waits for the directory.
    for at in [1_000, 2_000, 2_000, 3_000] {
        let address = from.filter(|_| at == 3_000);
        let at_time = Timestamp::from_millis(at);
        assert_eq!(reserve(&mut account, address, at), Reservation::Reserved(at_time));
    }
    let attempt = CodeTry {
        subject: subject(),
        nonce: NONCE,
        reserved: Some(Timestamp::from_millis(2_000)),
        from: None,
        limits: limits(),
    };
    let redeemed = account.redeem(&attempt, Timestamp::from_millis(4_000));
    assert_eq!(redeemed.answer, Redemption::Redeemed);
    assert_eq!(account.wrong_passwords.as_millis(), [2_000, 3_000]);
    let counted = from.map(|from| account.by_address.count(Failure::Password, from));
    assert_eq!(counted, Some(1));
}
