//! A sample of people, evenly spread over a stream of unknown length.

/// At this size, every other person is dropped.
const MOST: usize = 2000;

/// Every `stride`-th person added.
pub(super) struct EvenSample {
    kept: Vec<String>,
    stride: usize,
    added: usize,
}

impl EvenSample {
    pub(super) fn new() -> Self {
        Self { kept: Vec::new(), stride: 1, added: 0 }
    }

    pub(super) fn add(&mut self, person: &str) {
        if self.added.is_multiple_of(self.stride) {
            self.kept.push(person.to_owned());
        }
        self.added += 1;
        if self.kept.len() >= MOST {
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// All people, if fewer than [`MOST`]; otherwise at least half of [`MOST`].
    pub(super) fn people(&self) -> Vec<String> {
        self.kept.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(people: usize) -> Vec<usize> {
        let mut sample = EvenSample::new();
        for person in 0..people {
            sample.add(&person.to_string());
        }
        sample.people().iter().map(|person| person.parse().unwrap()).collect()
    }

    #[test]
    fn a_few_are_all_taken() {
        assert_eq!(sample(0), Vec::<usize>::new());
        assert_eq!(sample(1999), (0..1999).collect::<Vec<_>>());
    }

    #[test]
    fn many_are_taken_at_equal_distances_from_first_to_last() {
        for people in [2000, 5000, 123_457] {
            let taken = sample(people);
            assert!((MOST / 2..MOST).contains(&taken.len()), "{people}: {}", taken.len());
            let distance = taken[1];
            assert!(taken.windows(2).all(|pair| pair[1] - pair[0] == distance), "{people}");
            assert!(taken[0] == 0 && people - taken[taken.len() - 1] <= distance, "{people}");
        }
    }
}
