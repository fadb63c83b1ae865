//! Requests as radclient reads them, and its words on replies.

/// A request as radclient reads it. A value that begins with `0x` is of bytes, but in a name or
/// password.
pub fn request(attributes: &[(&str, &str)]) -> String {
    let line = |(name, value): &(&str, &str)| {
        if value.starts_with("0x") && !name.starts_with("User-") {
            return format!("{name} = {value}\n");
        }
        // It may read escapes twice.
        let escaped = value.replace('\\', r"\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name} = \"{escaped}\"\n")
    };
    attributes.iter().map(line).collect::<String>() + "\n"
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `Access-Accept`, `Access-Reject` or `Access-Challenge`; empty if nothing came.
    pub kind: String,
    /// The attributes in order, as radclient writes them.
    pub attributes: Vec<(String, String)>,
}

impl Reply {
    /// Reads the only reply in what radclient said.
    pub(super) fn of(said: &str) -> Self {
        let mut lines = said.lines().skip_while(|line| !line.starts_with("Received "));
        let kind = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let attribute = |line: &str| {
            let (name, value) = line.strip_prefix('\t')?.split_once(" = ")?;
            Some((name.to_owned(), value.trim_matches('"').to_owned()))
        };
        assert!(!kind.is_empty() || said.contains("No reply from server"), "{said}");
        Self { kind: kind.to_owned(), attributes: lines.map_while(attribute).collect() }
    }

    /// The only attribute of this name, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.attributes.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next()?;
        assert_eq!(found.next(), None, "one {name}");
        Some(value)
    }
}
