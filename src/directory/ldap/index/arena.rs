//! Byte records of any length, side by side in one allocation. Each is found by a small number that
//! stays the same when the record moves. What the bytes mean is defined elsewhere.

use super::varint;

/// Unused bytes tolerated before compaction, in addition to a quarter of the used ones.
const GARBAGE_BORNE: usize = 1 << 20;
/// Bytes processed per change during compaction, which bounds how long a change, and everyone
/// waiting for it, is delayed.
const STEP: usize = 1 << 16;
/// How much shorter than its place a record may be.
const SLACK: usize = 16;
/// The place of a record that does not exist.
const NOWHERE: u32 = u32::MAX;

/// The records. Each is stored as its slot (four bytes), the length of its place, and the place.
#[derive(Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    /// Where each slot's record begins.
    starts: Vec<u32>,
    free: Vec<u32>,
    garbage: usize,
    tidying: Option<Tidying>,
}

/// A compaction in progress.
#[derive(Default)]
struct Tidying {
    /// Start of the first record not processed yet.
    from: usize,
    /// End of the compacted records. There are no records between the two.
    to: usize,
    /// Bytes of records removed since the compaction began.
    garbage: usize,
}

/// One record's header.
struct Header {
    slot: u32,
    /// Where its place begins.
    place: usize,
    /// Where its place ends.
    end: usize,
}

impl Arena {
    /// Adds a record and returns its slot.
    pub(super) fn insert(&mut self, record: &[u8]) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.starts.push(NOWHERE);
            number(self.starts.len() - 1)
        });
        self.append(slot, record);
        slot
    }

    /// Replaces a slot's record.
    pub(super) fn replace(&mut self, slot: u32, record: &[u8]) {
        let header = self.header(self.start(slot));
        let room = header.end - header.place;
        if record.len() <= room && room - record.len() <= SLACK {
            self.bytes[header.place..header.place + record.len()].copy_from_slice(record);
        } else {
            self.discard(slot);
            self.append(slot, record);
            self.tidy();
        }
    }

    /// Removes a record; its slot may be reused soon.
    pub(super) fn remove(&mut self, slot: u32) {
        self.discard(slot);
        self.free.push(slot);
        self.tidy();
    }

    /// A slot's record, followed by the unused rest of its place.
    pub(super) fn get(&self, slot: u32) -> &[u8] {
        let header = self.header(self.start(slot));
        &self.bytes[header.place..header.end]
    }

    /// One more than the highest slot.
    pub(super) fn slots(&self) -> u32 {
        number(self.starts.len())
    }

    /// Whether the slot has a record.
    pub(super) fn holds(&self, slot: u32) -> bool {
        self.starts[slot as usize] != NOWHERE
    }

    /// The total bytes, and the bytes wasted by old records.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.bytes.len(), self.garbage)
    }

    fn start(&self, slot: u32) -> usize {
        self.starts[slot as usize] as usize
    }

    fn header(&self, start: usize) -> Header {
        let (slot, mut rest) =
            self.bytes[start..].split_first_chunk().expect("a record has a header");
        let length = varint::take(&mut rest);
        let place = self.bytes.len() - rest.len();
        let length = usize::try_from(length).expect("it is a length");
        Header { slot: u32::from_le_bytes(*slot), place, end: place + length }
    }

    fn append(&mut self, slot: u32, record: &[u8]) {
        let wanted = record.len() + 16;
        if self.bytes.capacity() - self.bytes.len() < wanted {
            // Doubling would leave too much unused.
            self.bytes.reserve_exact((self.bytes.len() / 8).max(wanted).max(4096));
        }
        self.starts[slot as usize] = number(self.bytes.len());
        self.bytes.extend_from_slice(&slot.to_le_bytes());
        varint::put(&mut self.bytes, record.len() as u128);
        self.bytes.extend_from_slice(record);
    }

    fn discard(&mut self, slot: u32) {
        let start = self.start(slot);
        let size = self.header(start).end - start;
        self.garbage += size;
        if let Some(tidying) = self.tidying.as_mut().filter(|tidying| start < tidying.to) {
            tidying.garbage += size;
        }
        self.starts[slot as usize] = NOWHERE;
    }

    /// Compacts the records if too many bytes are unused, a part at each change, within the one
    /// allocation, so that there are never two copies.
    fn tidy(&mut self) {
        let borne = GARBAGE_BORNE + (self.bytes.len() - self.garbage) / 4;
        let begins = (self.garbage > borne).then(Tidying::default);
        let Some(Tidying { mut from, mut to, garbage }) = self.tidying.take().or(begins) else {
            return;
        };
        let until = self.bytes.len().min(from + STEP);
        while from < until {
            let Header { slot, end, .. } = self.header(from);
            if self.starts[slot as usize] as usize == from {
                self.bytes.copy_within(from..end, to);
                self.starts[slot as usize] = number(to);
                to += end - from;
            }
            from = end;
        }
        if from < self.bytes.len() {
            self.tidying = Some(Tidying { from, to, garbage });
            return;
        }
        self.bytes.truncate(to);
        self.garbage = garbage;
        self.bytes.shrink_to(to + to / 4);
    }
}

/// Slots and places are stored in four bytes.
fn number(size: usize) -> u32 {
    u32::try_from(size).ok().filter(|number| *number != NOWHERE).expect("an index below 4 GiB")
}
