//! Access rights of one Active Directory entry: parses a self-relative security descriptor
//! ([MS-DTYP] 2.4.6) and decides from it who may write an attribute ([MS-ADTS] 5.1.3.3). Fetching
//! descriptors is done elsewhere.
//!
//! The existing crate (`windows-sddl`) rejects a whole descriptor for one unknown entry type or for
//! unused space at the end of a list, both of which Windows writes. Little is needed here: one
//! list's entries, each with type, flags, mask, GUID and SID.

/// The right to write one attribute, or all (`ADS_RIGHT_DS_WRITE_PROP`).
pub(super) const WRITE_PROPERTY: u32 = 0x0000_0020;
/// The right to change the entry's rights, and so to grant oneself the write right.
pub(super) const WRITE_DAC: u32 = 0x0004_0000;
/// The right to become the entry's owner, who may change its rights.
pub(super) const WRITE_OWNER: u32 = 0x0008_0000;
const GENERIC_ALL: u32 = 0x1000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;

const DACL_PRESENT: u16 = 0x0004;
const SELF_RELATIVE: u16 = 0x8000;
/// An ACE that applies only to entries below ([MS-DTYP] 2.4.4.1).
const INHERIT_ONLY: u8 = 0x08;
const HAS_OBJECT_TYPE: u32 = 1;
const HAS_INHERITED_OBJECT_TYPE: u32 = 2;

/// A GUID in its stored form.
pub(super) type Guid = [u8; 16];

/// The bytes are not a security descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a security descriptor")]
pub(super) struct DescriptorError;

/// A descriptor's access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dacl {
    /// No list: everyone may do everything.
    Absent,
    /// The first matching ACE decides.
    Entries(Vec<Ace>),
}

/// One access control entry: allows or denies something to one SID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ace {
    pub allows: bool,
    pub mask: u32,
    /// The attribute, property set or class it applies to; all if `None`.
    pub object: Option<Guid>,
    /// The SID it applies to.
    pub sid: Vec<u8>,
}

impl Ace {
    /// Whether it covers `right`, specifically or by a generic right.
    fn covers(&self, right: u32) -> bool {
        let general = match right {
            WRITE_PROPERTY => GENERIC_ALL | GENERIC_WRITE,
            _ => GENERIC_ALL,
        };
        self.mask & (right | general) != 0
    }
}

/// Why an attribute may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grant<'a> {
    /// The entry has no access list.
    NoList,
    /// This ACE allows it.
    Ace(&'a Ace),
}

impl Dacl {
    /// Parses a descriptor; only its DACL is read.
    ///
    /// ACEs that never allow writing this entry (inherit-only, other types) are left out.
    ///
    /// # Errors
    /// [`DescriptorError`] if it is truncated or inconsistent.
    pub(super) fn read(descriptor: &[u8]) -> Result<Self, DescriptorError> {
        let control = u16_at(descriptor, 2)?;
        if descriptor.first() != Some(&1) || control & SELF_RELATIVE == 0 {
            return Err(DescriptorError);
        }
        let at = usize::try_from(u32_at(descriptor, 16)?).map_err(|_| DescriptorError)?;
        if control & DACL_PRESENT == 0 || at == 0 {
            return Ok(Self::Absent);
        }
        let list = descriptor.get(at..).ok_or(DescriptorError)?;
        let size = usize::from(u16_at(list, 2)?);
        let count = u16_at(list, 4)?;
        let mut rest = list.get(8..size).ok_or(DescriptorError)?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let size = usize::from(u16_at(rest, 2)?);
            let entry = rest.get(..size).filter(|entry| entry.len() >= 4).ok_or(DescriptorError)?;
            entries.extend(ace(entry)?);
            rest = &rest[size..];
        }
        Ok(Self::Entries(entries))
    }

    /// Whether it limits what owners may do, which replaces their implicit right to change the
    /// rights.
    pub(super) fn limits_owners(&self) -> bool {
        let Self::Entries(entries) = self else { return false };
        entries.iter().any(|ace| ace.sid == owner_rights())
    }

    /// Why a principal with all of `sids` may write an attribute known by any of `objects` (its own
    /// GUID, its property set's, those of the entry's classes); `None` if not.
    pub(super) fn lets_write(&self, sids: &[Vec<u8>], objects: &[Guid]) -> Option<Grant<'_>> {
        let Self::Entries(entries) = self else { return Some(Grant::NoList) };
        [WRITE_PROPERTY, WRITE_DAC, WRITE_OWNER].into_iter().find_map(|right| {
            let first = entries.iter().find(|ace| {
                let about = match ace.object {
                    None => true,
                    // Rights over the entry itself are never granted per attribute.
                    Some(object) => right == WRITE_PROPERTY && objects.contains(&object),
                };
                ace.covers(right) && about && sids.contains(&ace.sid)
            })?;
            first.allows.then_some(Grant::Ace(first))
        })
    }
}

/// Parses one ACE, including its header.
fn ace(entry: &[u8]) -> Result<Option<Ace>, DescriptorError> {
    let (kind, flags) = (entry[0], entry[1]);
    // A conditional ACE may or may not apply: count it if it allows, ignore it if it denies.
    let (allows, by_object) = match kind {
        0x00 | 0x09 => (true, false),
        0x05 | 0x0b => (true, true),
        0x01 => (false, false),
        0x06 => (false, true),
        _ => return Ok(None),
    };
    let mask = u32_at(entry, 4)?;
    let (mut at, mut object) = (8, None);
    if by_object {
        let present = u32_at(entry, 8)?;
        at = 12;
        if present & HAS_OBJECT_TYPE != 0 {
            let guid = entry.get(at..at + 16).ok_or(DescriptorError)?;
            object = Some(guid.try_into().map_err(|_| DescriptorError)?);
            at += 16;
        }
        if present & HAS_INHERITED_OBJECT_TYPE != 0 {
            at += 16;
        }
    }
    let sid = sid_at(entry, at)?;
    Ok((flags & INHERIT_ONLY == 0).then_some(Ace { allows, mask, object, sid }))
}

/// The owner's SID, if the descriptor names one.
///
/// # Errors
/// [`DescriptorError`] if it is truncated.
pub(super) fn owner(descriptor: &[u8]) -> Result<Option<Vec<u8>>, DescriptorError> {
    match usize::try_from(u32_at(descriptor, 4)?).map_err(|_| DescriptorError)? {
        0 => Ok(None),
        at => sid_at(descriptor, at).map(Some),
    }
}

/// The SID that stands for the owner in a list (`S-1-3-4`).
pub(super) fn owner_rights() -> Vec<u8> {
    sid(3, &[4])
}

fn sid_at(bytes: &[u8], at: usize) -> Result<Vec<u8>, DescriptorError> {
    let sid = bytes.get(at..).ok_or(DescriptorError)?;
    let parts = usize::from(*sid.get(1).ok_or(DescriptorError)?);
    Ok(sid.get(..8 + 4 * parts).ok_or(DescriptorError)?.to_vec())
}

/// The bytes of a SID with this authority; 5 is the NT authority (`S-1-5-…`).
pub(super) fn sid(authority: u8, parts: &[u32]) -> Vec<u8> {
    let count = u8::try_from(parts.len()).expect("a SID has few parts");
    let mut bytes = vec![1, count, 0, 0, 0, 0, 0, authority];
    for part in parts {
        bytes.extend(part.to_le_bytes());
    }
    bytes
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, DescriptorError> {
    let two = bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).ok_or(DescriptorError)?;
    Ok(u16::from_le_bytes(two))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, DescriptorError> {
    let four =
        bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).ok_or(DescriptorError)?;
    Ok(u32::from_le_bytes(four))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOBILE: Guid = [1; 16];
    const PERSONAL: Guid = [2; 16];
    const OTHER: Guid = [3; 16];

    fn principal_self() -> Vec<u8> {
        sid(5, &[10])
    }

    fn ace_bytes(kind: u8, flags: u8, mask: u32, object: Option<Guid>, sid: &[u8]) -> Vec<u8> {
        let mut body = mask.to_le_bytes().to_vec();
        if matches!(kind, 5 | 6 | 0x0b) {
            body.extend(u32::from(object.is_some()).to_le_bytes());
            body.extend(object.iter().flatten());
        }
        body.extend(sid);
        let size = u16::try_from(body.len() + 4).unwrap();
        [vec![kind, flags], size.to_le_bytes().to_vec(), body].concat()
    }

    fn descriptor(aces: &[Vec<u8>]) -> Vec<u8> {
        let entries = aces.concat();
        // Unused space, as Windows leaves it.
        let size = u16::try_from(8 + entries.len() + 4).unwrap();
        let mut bytes = vec![1, 0];
        bytes.extend((SELF_RELATIVE | DACL_PRESENT).to_le_bytes());
        for offset in [0_u32, 0, 0, 20] {
            bytes.extend(offset.to_le_bytes());
        }
        bytes.extend([4, 0]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(u16::try_from(aces.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(entries);
        bytes.extend([0; 4]);
        bytes
    }

    fn may_write(aces: &[Vec<u8>]) -> bool {
        let dacl = Dacl::read(&descriptor(aces)).unwrap();
        dacl.lets_write(&[principal_self(), sid(1, &[0])], &[MOBILE, PERSONAL]).is_some()
    }

    fn allow(mask: u32, object: Option<Guid>) -> Vec<u8> {
        ace_bytes(if object.is_some() { 5 } else { 0 }, 0, mask, object, &principal_self())
    }

    fn deny(object: Option<Guid>) -> Vec<u8> {
        let kind = if object.is_some() { 6 } else { 1 };
        ace_bytes(kind, 0, WRITE_PROPERTY, object, &principal_self())
    }

    #[test]
    fn self_may_write_by_the_attribute_its_set_or_everything() {
        for (mask, object) in [
            (WRITE_PROPERTY, Some(MOBILE)),
            (WRITE_PROPERTY | 0x10, Some(PERSONAL)),
            (WRITE_PROPERTY, None),
            (GENERIC_ALL, None),
            (GENERIC_WRITE, None),
            (WRITE_DAC, None),
            (WRITE_OWNER, None),
        ] {
            assert!(may_write(&[allow(mask, object)]), "{mask:x} {object:?}");
        }
        for (mask, object) in [
            (WRITE_PROPERTY, Some(OTHER)),
            (0x10, Some(MOBILE)),
            (0x10, None),
            (WRITE_DAC, Some(MOBILE)),
        ] {
            assert!(!may_write(&[allow(mask, object)]), "{mask:x} {object:?}");
        }
        assert!(!may_write(&[]), "an empty list lets nobody do anything");
    }

    #[test]
    fn the_first_entry_that_speaks_of_it_decides() {
        let by_set = || allow(WRITE_PROPERTY, Some(PERSONAL));
        assert!(!may_write(&[deny(Some(MOBILE)), by_set()]));
        assert!(!may_write(&[deny(None), by_set()]));
        assert!(may_write(&[by_set(), deny(Some(MOBILE))]), "an inherited denial comes too late");
        assert!(may_write(&[deny(Some(OTHER)), by_set()]));
    }

    #[test]
    fn entries_for_others_for_below_and_of_other_kinds_do_not_count() {
        let other = sid(5, &[21, 1, 2, 3, 1104]);
        assert!(!may_write(&[ace_bytes(0, 0, GENERIC_ALL, None, &other)]));
        assert!(!may_write(&[ace_bytes(0, INHERIT_ONLY, GENERIC_ALL, None, &principal_self())]));
        assert!(!may_write(&[ace_bytes(0x11, 0, GENERIC_ALL, None, &principal_self())]));
        assert!(
            may_write(&[vec![0x42, 0, 8, 0, 1, 2, 3, 4], allow(WRITE_PROPERTY, None)]),
            "a kind that is not known is passed over"
        );
        assert!(may_write(&[ace_bytes(0, 0, WRITE_PROPERTY, None, &sid(1, &[0]))]), "Everyone");
    }

    #[test]
    fn conditions_are_taken_for_the_worse() {
        let conditional =
            |kind| ace_bytes(kind, 0, WRITE_PROPERTY, Some(MOBILE), &principal_self());
        assert!(may_write(&[conditional(0x0b)]));
        assert!(may_write(&[
            ace_bytes(0x0a, 0, WRITE_PROPERTY, None, &principal_self()),
            conditional(5)
        ]));
    }

    #[test]
    fn without_an_access_list_everyone_may_do_everything() {
        for control in [SELF_RELATIVE, SELF_RELATIVE | DACL_PRESENT] {
            let mut bytes = descriptor(&[]);
            bytes[2..4].copy_from_slice(&control.to_le_bytes());
            bytes[16..20].copy_from_slice(&0_u32.to_le_bytes());
            let dacl = Dacl::read(&bytes).unwrap();
            assert_eq!(dacl.lets_write(&[principal_self()], &[MOBILE]), Some(Grant::NoList));
        }
    }

    #[test]
    fn the_owner_is_read_where_there_is_one() {
        let mut bytes = descriptor(&[]);
        assert_eq!(owner(&bytes), Ok(None));
        let at = u32::try_from(bytes.len()).unwrap();
        bytes[4..8].copy_from_slice(&at.to_le_bytes());
        assert_eq!(owner(&bytes), Err(DescriptorError));
        bytes.extend(principal_self());
        assert_eq!(owner(&bytes), Ok(Some(principal_self())));
    }

    #[test]
    fn what_is_cut_off_is_no_descriptor() {
        let whole = descriptor(&[deny(Some(MOBILE)), allow(WRITE_PROPERTY, Some(PERSONAL))]);
        assert!(Dacl::read(&whole).is_ok());
        for length in 0..whole.len() - 4 {
            assert_eq!(Dacl::read(&whole[..length]), Err(DescriptorError), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Dacl::read(&bytes), owner(&bytes));
        }

        #[test]
        fn no_change_to_a_descriptor_makes_the_reader_panic(
            changes in proptest::collection::vec((0_usize..200, any::<u8>()), 1..8),
        ) {
            let mut bytes = descriptor(&[
                deny(Some(MOBILE)),
                allow(WRITE_PROPERTY, Some(PERSONAL)),
                allow(GENERIC_ALL, None),
            ]);
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            if let Ok(dacl) = Dacl::read(&bytes) {
                let _ = dacl.lets_write(&[principal_self()], &[MOBILE, PERSONAL]);
            }
        }
    }
}
