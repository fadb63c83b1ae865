//! Mutates real inputs at random, reproducibly for the same numbers.

/// Pseudorandom numbers (SplitMix64): good enough for choosing mutations, and for nothing else.
pub struct Numbers(u64);

impl Numbers {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    /// One of these items.
    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Longest input, in bytes.
const LONGEST: usize = 8 * 1024;

/// Texts that break readers: ends of texts and lines, quotes and brackets, numbers at the limits of
/// a type, and characters that take several bytes, are invisible or look like others.
const BREAKERS: [&str; 56] = [
    "\0",
    "\r\n",
    "\n",
    "\t",
    " ",
    "\"",
    "'",
    "\\",
    "\\\"",
    "<",
    ">",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "{{",
    "}}",
    ",",
    ";",
    ":",
    "=",
    "&",
    "%",
    "%00",
    "%2B",
    "%",
    "+",
    "-",
    ".",
    "..",
    "@",
    "/",
    "?",
    "#",
    "0",
    "-1",
    "255",
    "65536",
    "4294967296",
    "18446744073709551616",
    "1e999",
    "null",
    "true",
    "[]",
    "{}",
    "é",
    "ß",
    "０",
    "٣",
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "📱",
    "\u{301}",
];

/// Generates inputs.
pub struct Mutator {
    kept: Vec<Vec<u8>>,
    seeds: usize,
    words: &'static [&'static str],
}

impl Mutator {
    /// Starts from these inputs; there must be at least one.
    pub fn new(seeds: Vec<Vec<u8>>, words: &'static [&'static str]) -> Self {
        assert!(!seeds.is_empty(), "something to start from");
        Self { seeds: seeds.len(), kept: seeds, words }
    }

    /// The number of inputs that mutations start from.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Adds an input that mutations start from.
    pub fn keep(&mut self, input: Vec<u8>) {
        self.kept.push(input);
    }

    /// Input number `index`: first the given ones, then mutated ones.
    pub fn input(&self, index: u64, numbers: &mut Numbers) -> Vec<u8> {
        if let Some(seed) =
            usize::try_from(index).ok().and_then(|index| self.kept[..self.seeds].get(index))
        {
            return seed.clone();
        }
        if numbers.below(16) == 0 {
            return self.of_words(numbers);
        }
        let input = numbers.of(&self.kept).clone();
        self.changed(input, numbers)
    }

    /// The input with one to six mutations.
    pub fn changed(&self, mut input: Vec<u8>, numbers: &mut Numbers) -> Vec<u8> {
        for _ in 0..=numbers.below(6) {
            self.change(&mut input, numbers);
        }
        input.truncate(LONGEST);
        input
    }

    /// An input of words only.
    fn of_words(&self, numbers: &mut Numbers) -> Vec<u8> {
        let mut input = Vec::new();
        for _ in 0..=numbers.below(12) {
            input.extend_from_slice(self.word(numbers).as_bytes());
        }
        input
    }

    fn word(&self, numbers: &mut Numbers) -> &'static str {
        let of_target = !self.words.is_empty() && numbers.below(2) == 0;
        let words = if of_target { self.words } else { &BREAKERS };
        words[numbers.below(words.len())]
    }

    /// Makes one mutation.
    fn change(&self, input: &mut Vec<u8>, numbers: &mut Numbers) {
        let at = numbers.below(input.len() + 1);
        let length = 1 + numbers.below(16.min(input.len() - at + 1));
        let end = (at + length).min(input.len());
        match numbers.below(11) {
            0 if at < input.len() => input[at] ^= 1 << numbers.below(8),
            1 if at < input.len() => input[at] = numbers.next().to_le_bytes()[0],
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let part = input[at..end].to_vec();
                let times = if numbers.below(64) == 0 { 300 } else { 1 + numbers.below(3) };
                if input.len() + part.len() * times <= LONGEST {
                    let _ = input.splice(at..at, part.repeat(times)).count();
                }
            }
            5 => {
                // The rest of another input.
                let other = numbers.of(&self.kept);
                let from = numbers.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            6 => drop(input.splice(at..end, self.word(numbers).bytes())),
            7 if at < input.len() => {
                let digit = b'0' + numbers.next().to_le_bytes()[0] % 10;
                input[at] = digit;
            }
            _ => drop(input.splice(at..at, self.word(numbers).bytes())),
        }
    }
}
