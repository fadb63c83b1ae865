//! The example numbers of the numbering metadata: one of each type of each country, taken apart as
//! people take numbers apart when they write them.

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as Parsed, PhoneNumberFormat, PhoneNumberType,
    Region,
};

/// All types that have examples.
const TYPES: [PhoneNumberType; 10] = [
    PhoneNumberType::Mobile,
    PhoneNumberType::FixedLine,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
];

/// National prefixes that are written in a country and stand in none of the national formats of its
/// examples.
const MORE_PREFIXES: [(&str, &[&str]); 15] = [
    ("AX", &["0"]),
    ("BL", &["0"]),
    ("BO", &["0"]),
    ("BR", &["0"]),
    ("BY", &["8", "80", "0"]),
    ("EH", &["0"]),
    ("KI", &["0"]),
    ("KZ", &["8"]),
    ("LI", &["0"]),
    ("LT", &["0", "8"]),
    ("MF", &["0"]),
    ("MH", &["1"]),
    ("SO", &["0"]),
    ("TM", &["8"]),
    ("YT", &["0"]),
];

/// One number.
pub struct Sample {
    /// Its country.
    pub region: Region,
    /// What kind of line it is.
    pub kind: PhoneNumberType,
    /// The country code, without plus.
    pub code: String,
    /// The national significant number.
    pub national: String,
    /// The same in the groups that its country writes; at least two.
    pub groups: Vec<String>,
    /// As its country writes it at home.
    pub at_home: String,
    /// What stands before the national number in [`Self::at_home`]; `None` where the country
    /// writes other digits at home altogether (mobiles of Argentina).
    pub prefix: Option<String>,
    /// Further prefixes that are written before it at home.
    pub more_prefixes: Vec<String>,
}

impl Sample {
    /// As E.164.
    pub fn e164(&self) -> String {
        format!("+{}{}", self.code, self.national)
    }

    fn read(region: Region, kind: PhoneNumberType) -> Option<Self> {
        let parsed = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok()?;
        let national = parsed.get_national_significant_number();
        let at_home = parsed.format_as(PhoneNumberFormat::National).into_owned();
        let digits: String = at_home.chars().filter(char::is_ascii_digit).collect();
        let prefix = digits.strip_suffix(&national).map(str::to_owned);
        Some(Self {
            region,
            kind,
            code: parsed.country_code.to_string(),
            groups: groups(&parsed, &national),
            national,
            at_home,
            prefix,
            more_prefixes: Vec::new(),
        })
    }
}

/// The national number in groups, as it is written behind the country code.
fn groups(parsed: &Parsed, national: &str) -> Vec<String> {
    let international = parsed.format_as(PhoneNumberFormat::International);
    let behind = international.split_once(' ').map_or("", |(_, behind)| behind);
    let groups = behind.split([' ', '-']).map(str::to_owned).collect::<Vec<_>>();
    if groups.len() > 1 && groups.concat() == national {
        return groups;
    }
    let (area, rest) = national.split_at(national.len() / 3);
    vec![area.to_owned(), rest.to_owned()]
}

/// Every country that the metadata knows, by its code.
pub fn regions() -> Vec<Region> {
    let mut regions: Vec<Region> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
    regions.sort_by_key(ToString::to_string);
    regions
}

/// The country's example numbers, no two the same.
pub fn samples(region: Region) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for sample in TYPES.into_iter().filter_map(|kind| Sample::read(region, kind)) {
        if samples.iter().all(|other| other.national != sample.national) {
            samples.push(sample);
        }
    }
    let mut prefixes: Vec<String> =
        samples.iter().filter_map(|sample| sample.prefix.clone()).collect();
    let more = MORE_PREFIXES.iter().filter(|(country, _)| *country == region.to_string());
    prefixes.extend(more.flat_map(|(_, prefixes)| prefixes.iter().map(ToString::to_string)));
    if samples.iter().any(|sample| sample.code == "1") {
        prefixes.push("1".to_owned());
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    for sample in &mut samples {
        let others = prefixes.iter().filter(|prefix| Some(*prefix) != sample.prefix.as_ref());
        sample.more_prefixes = others.filter(|prefix| !prefix.is_empty()).cloned().collect();
    }
    samples
}

/// Every other number that `text` could be taken for in a country: by the country's own dialling
/// prefixes, by a `00`, as an international number without its plus, as a national number with and
/// without each national prefix. They are strangers to the one who wrote it.
pub fn strangers(sample: &Sample, text: &str) -> Vec<String> {
    let digits = PHONE_NUMBER_UTIL.normalize_digits_only(text);
    let code = PHONE_NUMBER_UTIL.get_country_code_for_region(sample.region).unwrap_or_default();
    let mut readings = vec![format!("+{digits}"), format!("+{code}{digits}")];
    readings.extend(digits.strip_prefix("00").map(|rest| format!("+{rest}")));
    let prefixes = sample.prefix.iter().chain(&sample.more_prefixes).map(String::as_str);
    for prefix in prefixes.chain(["0"]).filter(|prefix| !prefix.is_empty()) {
        readings.extend(digits.strip_prefix(prefix).map(|rest| format!("+{code}{rest}")));
    }
    let mut numbers: Vec<Parsed> =
        readings.iter().filter_map(|reading| PHONE_NUMBER_UTIL.parse(reading, None).ok()).collect();
    numbers.extend(PHONE_NUMBER_UTIL.parse(&digits, Some(sample.region)).ok());
    let possible = numbers.into_iter().filter(|number| {
        matches!(number.is_possible_with_reason(), Ok(NumberLengthType::IsPossible))
    });
    let mut strangers: Vec<String> = possible
        .map(|number| number.format_as(PhoneNumberFormat::E164).into_owned())
        .filter(|number| *number != sample.e164())
        .collect();
    strangers.sort_unstable();
    strangers.dedup();
    strangers
}

/// Possible numbers like this one: with other digits, and with its own country code as the first of
/// them, which make it look international where its plus or prefix is missing.
pub fn neighbours(sample: &Sample) -> Vec<Sample> {
    if sample.prefix.is_none() {
        return Vec::new();
    }
    let mut digits: Vec<String> = Vec::new();
    let mut seed: u64 = sample.national.parse().unwrap_or(1);
    for kept in [1, 1, 1, 2, 2, 3] {
        let mut national = sample.national[..kept].to_owned();
        while national.len() < sample.national.len() {
            // Knuth's multiplier: numbers that are the same each time, and look like none.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            national.push(char::from(b'0' + u8::try_from((seed >> 33) % 10).expect("a digit")));
        }
        digits.push(national);
    }
    for changed in digits.clone().iter().take(3) {
        digits.push(format!("{}{}", sample.code, &changed[sample.code.len().min(changed.len())..]));
        digits.push(format!("{}{changed}", sample.code));
    }
    let like = |national: String| {
        let parsed = PHONE_NUMBER_UTIL.parse(format!("+{}{national}", sample.code), None).ok()?;
        let possible = matches!(parsed.is_possible_with_reason(), Ok(NumberLengthType::IsPossible));
        // With a second zero in front it would be an international number.
        let same =
            parsed.get_national_significant_number() == national && !national.starts_with("00");
        let (area, rest) = national.split_at(sample.groups[0].len().min(national.len() / 2));
        let groups = vec![area.to_owned(), rest.to_owned()];
        (possible && same).then(|| Sample {
            region: sample.region,
            kind: sample.kind,
            code: sample.code.clone(),
            groups,
            at_home: format!("{}{national}", sample.prefix.clone().unwrap_or_default()),
            prefix: sample.prefix.clone(),
            more_prefixes: sample.more_prefixes.clone(),
            national,
        })
    };
    digits.into_iter().filter_map(like).collect()
}
