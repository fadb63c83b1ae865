//! The rules of access keys: from when on they open, and until when.

use super::*;
use dialpass::domain::access_key::{AccessKey, AccessKeyHash, AccessKeyText};
use dialpass::store::registry::NewAccessKey;
use uuid::Uuid;

fn hash(mark: u8) -> AccessKeyHash {
    AccessKeyHash::of(AccessKeyText::from_random([mark; 16], [mark; 16]).expose()).expect("a key")
}

fn new_key(of: &str, mark: u8) -> NewAccessKey {
    let id = Uuid::from_u128(u128::from(mark));
    NewAccessKey { id, tenant: tenant(of), name: format!("backend {mark}"), hash: hash(mark) }
}

fn key(of: &str, mark: u8, created_at: Timestamp) -> AccessKey {
    let NewAccessKey { id, tenant, name, .. } = new_key(of, mark);
    AccessKey { id, tenant, name, created_at }
}

async fn create(cloud: &Cloud, of: &str, mark: u8, now: Timestamp) {
    let created = cloud.keys_at(now).await.create_access_key(&new_key(of, mark)).await;
    assert_eq!(created, Ok(key(of, mark, now)));
}

async fn found(cloud: &Cloud, mark: u8) -> Option<AccessKey> {
    cloud.at(START).await.access_key(&hash(mark)).await.expect("it answers")
}

async fn listed(cloud: &Cloud, of: &str) -> Vec<AccessKey> {
    cloud.keys_at(START).await.access_keys(&tenant(of)).await.expect("it answers")
}

pub async fn a_key_is_found_as_soon_as_it_is_made_and_no_longer_than_until_it_is_revoked(
    _: Store,
    cloud: Cloud,
) {
    assert_eq!(found(&cloud, 1).await, None);
    create(&cloud, "t1", 1, START).await;
    assert_eq!(found(&cloud, 1).await, Some(key("t1", 1, START)));
    // A second lives beside it, so that a backend can change from one to the other.
    create(&cloud, "t1", 2, after(1)).await;
    assert_eq!(found(&cloud, 1).await, Some(key("t1", 1, START)));
    assert_eq!(found(&cloud, 2).await, Some(key("t1", 2, after(1))));
    let keys = cloud.keys_at(START).await;
    let id = new_key("t1", 1).id;
    assert_eq!(keys.revoke_access_key(&tenant("t1"), id).await, Ok(true));
    assert_eq!(found(&cloud, 1).await, None);
    assert_eq!(found(&cloud, 2).await, Some(key("t1", 2, after(1))));
    assert_eq!(keys.revoke_access_key(&tenant("t1"), id).await, Ok(false), "already");
    let is_there = async |of: &str, mark| {
        let id = new_key("t1", mark).id;
        cloud.registry.has_access_key(&tenant(of), id).await.expect("it answers")
    };
    assert!(is_there("t1", 2).await && !is_there("t1", 1).await && !is_there("t2", 2).await);
}

pub async fn a_tenants_keys_are_listed_oldest_first_and_no_others(_: Store, cloud: Cloud) {
    assert_eq!(listed(&cloud, "t1").await, []);
    for (mark, made) in [(1, 30), (2, 10), (3, 20)] {
        create(&cloud, "t1", mark, after(made)).await;
    }
    create(&cloud, "t2", 4, START).await;
    let own = [key("t1", 2, after(10)), key("t1", 3, after(20)), key("t1", 1, after(30))];
    assert_eq!(listed(&cloud, "t1").await, own);
    assert_eq!(listed(&cloud, "t2").await, [key("t2", 4, START)]);
}

pub async fn a_key_is_one_tenants_and_no_other_can_revoke_it(_: Store, cloud: Cloud) {
    create(&cloud, "t1", 1, START).await;
    let id = new_key("t1", 1).id;
    let keys = cloud.keys_at(START).await;
    assert_eq!(keys.revoke_access_key(&tenant("t2"), id).await, Ok(false));
    assert_eq!(found(&cloud, 1).await, Some(key("t1", 1, START)));
}

pub async fn a_key_that_is_already_there_is_not_made_another_tenants(_: Store, cloud: Cloud) {
    create(&cloud, "t1", 1, START).await;
    let same_hash = NewAccessKey { hash: hash(1), ..new_key("t2", 2) };
    let same_id = NewAccessKey { id: new_key("t1", 1).id, ..new_key("t2", 3) };
    for again in [new_key("t2", 1), same_hash, same_id] {
        assert!(cloud.keys_at(after(1)).await.create_access_key(&again).await.is_err());
    }
    assert_eq!(found(&cloud, 1).await, Some(key("t1", 1, START)));
    assert_eq!(listed(&cloud, "t2").await, []);
    create(&cloud, "t2", 4, START).await;
}
