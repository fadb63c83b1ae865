//! The rules of registered users: what is written together, who is who, what is gone with whom.

use super::*;
use dialpass::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Platform,
};
use dialpass::domain::registered_user::{
    PhoneId, RecoveryCode, RecoveryHash, RegisteredId, UserRef, VerifiedPhone,
};
use dialpass::domain::transaction::TransactionStatus;
use dialpass::store::registry::{Records, Scope, UserRecord, transact};
use uuid::Uuid;

fn recovery(marks: std::ops::Range<u8>) -> Vec<RecoveryHash> {
    marks.map(|mark| RecoveryCode::from_random([mark; 16]).hash()).collect()
}

/// A user with something of everything.
fn whole_person() -> UserRecord {
    let mut person = new_person(1, Some("anna@example.com"));
    person.user.phones = vec![phone(7, 1, START), phone(3, 2, after(1))];
    let notified = Authenticator { subscription: Some(subscription()), ..authenticator(2, START) };
    person.user.authenticators = vec![notified, authenticator(1, after(1))];
    person.user.recovery = recovery(0..10);
    person.user.updated_at = after(1);
    person.texts.push(START);
    person.texts.push(after(1));
    person.wrong_codes.push(after(2));
    person.wrong_recovery.push(after(3));
    person.pushes.push(after(4));
    person.enrolling_texts.push(after(5));
    person.app_approvals.push(after(6));
    person
}

/// A step about everything that there is.
fn about_all() -> Scope {
    Scope {
        transaction: Some(transaction_id(1)),
        number: Some(number(1)),
        intent: about_intent(1).intent,
        ..about_user(1)
    }
}

async fn make(cloud: &Cloud, scope: Scope, person: UserRecord) {
    cloud.change(scope, move |records| records.person = Some(person.clone())).await;
}

pub async fn what_a_step_writes_is_read_back_as_it_was(_: Store, cloud: Cloud) {
    let nothing = cloud.look(about_all(), START).await;
    assert_eq!(nothing, Records::default());
    let whole = || {
        let mut records = Records { person: Some(whole_person()), ..Records::default() };
        records.transaction = Some(transaction(1, 1));
        records.texts.sent.push(START);
        records.texts.enrolling.push(after(1));
        records.texts.idle_from = Some(after(600_000));
        records.intent_used_until = Some(after(700_000));
        records
    };
    cloud.change(about_all(), move |records| *records = whole()).await;
    assert_eq!(cloud.look(about_all(), START).await, whole());
    let by_name = cloud.person(about_name("anna@example.com")).await;
    assert_eq!(by_name, Some(whole_person()));
    assert_eq!(cloud.person(about_name("anna@example.co")).await, None);
    assert_eq!(cloud.person(about_user(2)).await, None);
    // Nothing but what it is about is seen.
    let seen = cloud.look(about_transaction(1), START).await;
    assert_eq!(seen, Records { transaction: Some(transaction(1, 1)), ..Records::default() });
}

pub async fn a_user_without_a_name_is_known_by_the_id(_: Store, cloud: Cloud) {
    for mark in [1, 2] {
        make(&cloud, about_nothing(), new_person(mark, None)).await;
    }
    for mark in [1, 2] {
        assert_eq!(cloud.person(about_user(mark)).await, Some(new_person(mark, None)));
    }
}

pub async fn a_step_that_cannot_be_written_whole_writes_nothing(_: Store, cloud: Cloud) {
    make(&cloud, about_user(9), new_person(9, Some("anna@example.com"))).await;
    let refused = cloud.step(about_all(), START, |records| {
        records.person = Some(whole_person());
        records.transaction = Some(transaction(1, 1));
        records.texts.sent.push(START);
        records.intent_used_until = Some(after(700_000));
    });
    assert!(refused.await.is_err(), "the name is another's");
    assert_eq!(cloud.look(about_all(), START).await, Records::default());
    assert!(owners(&cloud, "t1", 1, 10).await.is_empty());
    let owner = cloud.person(about_name("anna@example.com")).await.expect("the first");
    assert_eq!(owner.user.id, user_id(9));
    // The store goes on working.
    make(&cloud, about_user(1), new_person(1, Some("berta"))).await;
}

pub async fn a_name_is_one_users_in_a_tenant_and_free_in_another(_: Store, cloud: Cloud) {
    make(&cloud, about_name("anna"), new_person(1, Some("anna"))).await;
    let second = cloud.step(about_user(2), START, |records| {
        records.person = Some(new_person(2, Some("aNNa")));
    });
    assert!(second.await.is_err());
    make(&cloud, abroad(about_name("anna")), new_person(3, Some("anna"))).await;
    let id = async |scope| cloud.person(scope).await.map(|person| person.user.id);
    assert_eq!(id(about_name("anna")).await, Some(user_id(1)));
    assert_eq!(id(abroad(about_name("anna"))).await, Some(user_id(3)));
}

pub async fn a_name_is_one_users_in_any_case_and_keeps_its_own(_: Store, cloud: Cloud) {
    make(&cloud, about_name("Anna.B"), new_person(1, Some("Anna.B"))).await;
    for text in ["anna.b", "ANNA.B", "Anna.B", "aNNA.b"] {
        let found = cloud.look(about_name(text), START).await;
        assert_eq!((found.person, found.namesakes), (Some(new_person(1, Some("Anna.B"))), 1));
        let known = cloud.records_at(START).await.registered(&tenant("t1"), &name(text)).await;
        assert_eq!(known, Ok(vec![(user_id(1), name("Anna.B"))]), "{text}");
    }
    for other in ["anna_b", "anna.bb", "nna.b"] {
        assert_eq!(cloud.look(about_name(other), START).await, Records::default(), "{other}");
    }
    assert_eq!(cloud.look(abroad(about_name("anna.b")), START).await, Records::default());
    assert_eq!(cloud.look(about_user(1), START).await.namesakes, 0, "it was not named by name");
    // It is free again in any case once its user is gone.
    cloud.change(about_name("ANNA.B"), |records| records.person = None).await;
    make(&cloud, about_name("anna.b"), new_person(3, Some("anna.b"))).await;
    let found = cloud.person(about_name("Anna.B")).await.expect("a user");
    assert_eq!(found.user.name, Some(name("anna.b")));
}

pub async fn simultaneous_steps_by_one_name_make_one_user(_: Store, cloud: Cloud) {
    let text = |i: u64| ["anna", "Anna", "ANNA"][usize::try_from(i % 3).expect("small")];
    let found = cloud.steps(
        50,
        |i| about_name(text(i)),
        move |i, records| {
            let mark = u8::try_from(i + 1).expect("small");
            records.person.get_or_insert_with(|| new_person(mark, Some(text(i)))).user.id
        },
    );
    let found = found.await;
    let one = cloud.person(about_name("anna")).await.expect("a user").user.id;
    assert_eq!(found, vec![one; 50]);
}

pub async fn a_tenant_never_sees_anothers_users(_: Store, cloud: Cloud) {
    let all = |records: &mut Records| {
        records.person = Some(whole_person());
        records.transaction = Some(transaction(1, 1));
        records.texts.sent.push(START);
        records.intent_used_until = Some(after(700_000));
    };
    cloud.change(about_all(), all).await;
    assert_eq!(cloud.look(abroad(about_all()), START).await, Records::default());
    assert_eq!(cloud.person(abroad(about_name("anna@example.com"))).await, None);
    assert!(owners(&cloud, "t2", 1, 10).await.is_empty());
    // The same ids there are others', and what becomes of them changes nothing here.
    cloud.change(abroad(about_all()), all).await;
    cloud.change(abroad(about_all()), |records| *records = Records::default()).await;
    let here = cloud.look(about_all(), START).await;
    assert_eq!(here.person, Some(whole_person()));
    assert_eq!(here.transaction, Some(transaction(1, 1)));
    assert_eq!((here.texts.sent.len(), here.intent_used_until), (1, Some(after(700_000))));
    assert_eq!(owners(&cloud, "t1", 1, 10).await, [user_id(1)]);
}

/// The users with the number that ends in `tail`.
async fn owners(cloud: &Cloud, of: &str, tail: u32, most: u32) -> Vec<RegisteredId> {
    let found = cloud.at(START).await.owners(&tenant(of), &number(tail), most).await;
    found.expect("it answers").iter().map(|user| user.id).collect()
}

pub async fn phones_are_made_changed_and_taken_away(store: Store, cloud: Cloud) {
    make(&cloud, about_user(1), whole_person()).await;
    for mark in [1, 2] {
        let call = call(&user_id(mark).to_string(), u64::from(mark), START);
        assert!(matches!(store.issue(call).await, Ok(Issue::Issued(_))));
    }
    let code = async |mark| store.live(&subject(&user_id(mark).to_string()), START).await;
    let add = |records: &mut Records| {
        records.person.as_mut().expect("a user").user.phones.push(phone(9, 9, after(4)));
    };
    cloud.change(about_user(1), add).await;
    assert_eq!(code(1).await, Ok(Some(grant(1, START))), "none was taken away");
    cloud
        .change(about_user(1), |records| {
            let phones = &mut records.person.as_mut().expect("a user").user.phones;
            phones[1].updated_at = after(5);
            phones.push(phone(5, 3, after(5)));
            phones.retain(|one| one.id != phone(7, 1, START).id && one.id.as_u128() != 9);
        })
        .await;
    assert_eq!(code(1).await, Ok(None), "it may have been told by the phone that is gone");
    assert_eq!(code(2).await, Ok(Some(grant(2, START))));
    let person = cloud.person(about_user(1)).await.expect("a user");
    let verified_again = VerifiedPhone { updated_at: after(5), ..phone(3, 2, after(1)) };
    assert_eq!(person.user.phones, [verified_again, phone(5, 3, after(5))]);
    assert!(owners(&cloud, "t1", 1, 10).await.is_empty(), "it is gone");
    assert_eq!(owners(&cloud, "t1", 2, 10).await, [user_id(1)]);
    assert_eq!(owners(&cloud, "t1", 3, 10).await, [user_id(1)]);
    let owner = async |of: &str, mark| {
        let id = PhoneId::from_uuid(Uuid::from_u128(mark));
        cloud.registry.phone_owner(&tenant(of), id).await.expect("an answer")
    };
    assert_eq!((owner("t1", 3).await, owner("t1", 5).await), (Some(user_id(1)), Some(user_id(1))));
    assert_eq!(
        (owner("t1", 7).await, owner("t1", 99).await),
        (None, None),
        "gone, and never there"
    );
    assert_eq!(owner("t2", 3).await, None, "another tenant's");
}

pub async fn authenticators_are_made_changed_and_taken_away(_: Store, cloud: Cloud) {
    let mut person = new_person(1, None);
    person.user.authenticators = [1, 2, 3].map(|mark| authenticator(mark, START)).to_vec();
    make(&cloud, about_user(1), person.clone()).await;
    make(&cloud, about_user(2), new_person(2, None)).await;
    let changed = Authenticator {
        name: AuthenticatorName::parse("iPhone").expect("a name"),
        platform: Platform::Ios,
        subscription: Some(subscription()),
        updated_at: after(5),
        ..authenticator(2, START)
    };
    person.user.authenticators = vec![changed, authenticator(3, START), authenticator(4, after(6))];
    make(&cloud, about_user(1), person.clone()).await;
    assert_eq!(cloud.person(about_user(1)).await, Some(person.clone()));
    let owner = async |of: &str, mark| {
        let id = AuthenticatorId::from_random([mark; 16]);
        cloud.registry.authenticator_owner(&tenant(of), id).await.expect("an answer")
    };
    assert_eq!(owner("t1", 4).await, Some(user_id(1)));
    assert_eq!(owner("t1", 1).await, None, "it is gone");
    assert_eq!(owner("t2", 4).await, None, "it is another tenant's");
    // A subscription that is gone leaves nothing behind.
    person.user.authenticators[0].subscription = None;
    make(&cloud, about_user(1), person.clone()).await;
    assert_eq!(cloud.person(about_user(1)).await, Some(person));
    assert_eq!(cloud.person(about_user(2)).await, Some(new_person(2, None)));
    cloud.change(about_user(1), |records| records.person = None).await;
    assert_eq!(owner("t1", 4).await, None, "it went with its user");
}

pub async fn all_owners_of_a_number_are_found_and_no_more_than_asked_for(_: Store, cloud: Cloud) {
    for mark in 1..=5_u8 {
        let mut person = new_person(mark, None);
        person.user.phones = vec![phone(u128::from(mark), 1, START), phone(100, 2, after(1))];
        make(&cloud, about_user(mark), person).await;
    }
    let mut all = owners(&cloud, "t1", 1, 10).await;
    all.sort();
    assert_eq!(all, [1, 2, 3, 4, 5].map(user_id));
    assert_eq!(owners(&cloud, "t1", 1, 2).await.len(), 2);
    assert!(owners(&cloud, "t1", 3, 10).await.is_empty());
    let found = cloud.at(START).await.owners(&tenant("t1"), &number(2), 1).await;
    let found = found.expect("it answers").pop().expect("a user");
    let same = cloud.person(Scope::user(&tenant("t1"), UserRef::Id(found.id))).await;
    assert_eq!(same.map(|person| person.user), Some(found), "with all their phones");
}

pub async fn recovery_codes_are_replaced_and_each_is_used_once(_: Store, cloud: Cloud) {
    make(&cloud, about_user(1), whole_person()).await;
    let replaced = |records: &mut Records| {
        records.person.as_mut().expect("a user").user.recovery = recovery(100..110);
    };
    cloud.change(about_user(1), replaced).await;
    let person = cloud.person(about_user(1)).await.expect("a user");
    assert_eq!(person.user.recovery, recovery(100..110));
    // Five tries at each of seven.
    let used = cloud.steps(
        35,
        |_| about_user(1),
        |i, records| {
            let mark = 100 + u8::try_from(i % 7).expect("small");
            let hash = RecoveryCode::from_random([mark; 16]).hash();
            let left = &mut records.person.as_mut().expect("a user").user.recovery;
            let before = left.len();
            left.retain(|one| !one.matches(&hash));
            left.len() < before
        },
    );
    assert_eq!(winners(&used.await), 7);
    let person = cloud.person(about_user(1)).await.expect("a user");
    assert_eq!(person.user.recovery, recovery(107..110));
}

pub async fn a_users_budgets_hold_however_many_steps_are_taken_at_once(_: Store, cloud: Cloud) {
    make(&cloud, about_user(1), new_person(1, None)).await;
    let counted = cloud.steps(
        50,
        |_| about_user(1),
        |i, records| {
            let person = records.person.as_mut().expect("a user");
            let logs = [&mut person.texts, &mut person.wrong_codes, &mut person.wrong_recovery];
            let log = logs.into_iter().nth(usize::try_from(i % 3).expect("small")).expect("a log");
            let fits = log.len() < 5;
            if fits {
                log.push(START);
            }
            fits
        },
    );
    assert_eq!(winners(&counted.await), 15);
    let person = cloud.person(about_user(1)).await.expect("a user");
    for log in [person.texts, person.wrong_codes, person.wrong_recovery] {
        assert_eq!(log.as_millis(), [START.as_millis(); 5]);
    }
}

pub async fn with_a_user_goes_all_that_is_theirs_and_no_more(store: Store, cloud: Cloud) {
    for (mark, who) in [(1, "anna"), (2, "berta")] {
        let mut person = new_person(mark, Some(who));
        person.user.phones = vec![phone(1, 1, START)];
        make(&cloud, about_user(mark), person).await;
        for nth in [0, 10] {
            let scope = about_transaction(mark + nth);
            let made = transaction(mark + nth, mark);
            cloud.change(scope, move |records| records.transaction = Some(made.clone())).await;
        }
        let call = call(&user_id(mark).to_string(), u64::from(mark), START);
        assert!(matches!(store.issue(call).await, Ok(Issue::Issued(_))));
    }
    let scope = Scope { transaction: Some(transaction_id(1)), ..about_user(1) };
    let delete = |records: &mut Records| {
        // What the same step does to what is the user's goes with it.
        records.transaction.as_mut().expect("one").end(TransactionStatus::Failed, after(1));
        records.person = None;
    };
    cloud.change(scope, delete).await;

    assert_eq!(cloud.person(about_user(1)).await, None);
    assert_eq!(cloud.person(about_name("anna")).await, None);
    assert_eq!(owners(&cloud, "t1", 1, 10).await, [user_id(2)]);
    let left = async |mark| cloud.look(about_transaction(mark), START).await.transaction;
    assert_eq!((left(1).await, left(11).await), (None, None));
    assert_eq!(
        (left(2).await, left(12).await),
        (Some(transaction(2, 2)), Some(transaction(12, 2)))
    );
    let code = async |mark| store.live(&subject(&user_id(mark).to_string()), START).await;
    assert_eq!(code(1).await, Ok(None), "a called-in code");
    assert_eq!(code(2).await, Ok(Some(grant(2, START))));
    // The name is free again, and nothing of the first user's is the second's.
    make(&cloud, about_name("anna"), new_person(3, Some("anna"))).await;
    assert_eq!(cloud.person(about_name("anna")).await, Some(new_person(3, Some("anna"))));
    make(&cloud, about_user(1), new_person(1, None)).await;
    assert_eq!(cloud.person(about_user(1)).await, Some(new_person(1, None)));
}

/// What a store shows of the users 1 `Anna`, 2 `anna`, 3 `ANNA` and 4 `Berta`, who had these names
/// before names were compared with records ignored. Not in the contract: it makes no such users.
pub async fn names_from_before_mean_their_own_users(cloud: &Cloud) {
    let id = async |text| {
        let seen = cloud.registry.read_records(about_name(text)).await.expect("it answers").value;
        assert_eq!(seen.is_ambiguous(), seen.person.is_none(), "{text}");
        (seen.person.map(|person| person.user.id), seen.namesakes)
    };
    for (mark, text) in [(1, "Anna"), (2, "anna"), (3, "ANNA")] {
        assert_eq!(id(text).await, (Some(user_id(mark)), 3), "its own text means each");
    }
    assert_eq!(id("aNNa").await, (None, 3));
    assert_eq!(id("BERTA").await, (Some(user_id(4)), 1));
    // The first of them is gone, and then all but one: a name in any case means who is left.
    for (gone, left) in [(1, 2), (2, 1)] {
        let delete = |records: &mut Records, _| records.person = None;
        transact(&*cloud.registry, about_user(gone), delete).await.expect("it is written");
        assert_eq!(id("ANNA").await, (Some(user_id(3)), left));
    }
    assert_eq!(id("anna").await, (Some(user_id(3)), 1), "so that none is made of it");
}
