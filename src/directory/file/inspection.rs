//! Examines a directory in a file for an administrator before going live.

use std::os::unix::fs::PermissionsExt;

use async_trait::async_trait;

use super::FileDirectory;
use crate::directory::inspection::{
    ExplainedSearch, Inspection, InspectionError, PeopleRead, Person, SelfWrite, ServerReport,
    Severity, Step,
};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::Matching;

/// The permission bits of others who may write the file, and so give anyone any number.
const OTHERS_WRITE: u32 = 0o022;

#[async_trait]
impl Inspection for FileDirectory {
    async fn check_servers(&self) -> Vec<ServerReport> {
        let people = self.people.load();
        let mut steps = vec![Step::good("read", format!("{} people", people.entries.len()))];
        if let Ok(metadata) = std::fs::metadata(&self.name) {
            let mode = metadata.permissions().mode() & 0o7777;
            steps.push(if mode & OTHERS_WRITE == 0 {
                Step::good("permissions", format!("only its owner may write it ({mode:03o})"))
            } else {
                Step::bad(
                    "permissions",
                    Severity::Error,
                    format!(
                        "users other than its owner may write it ({mode:03o}), and give anyone any number"
                    ),
                    format!("chmod go-w {}", self.name),
                )
            });
        }
        vec![ServerReport { name: self.name.clone(), steps }]
    }

    async fn read_people(
        &self,
        each: &mut (dyn FnMut(Person) + Send),
    ) -> Result<PeopleRead, InspectionError> {
        let people = self.people.load_full();
        for (user, _) in &people.entries {
            each(Person::User(user.clone()));
        }
        Ok(PeopleRead { server: self.name.clone(), complete: true, notes: Vec::new() })
    }

    async fn self_write(&self, _people: &[String], _examples: usize) -> SelfWrite {
        SelfWrite::NotPossible
    }

    fn matching(&self) -> Matching {
        Matching::Everything
    }

    fn explain_search(&self, _number: &PhoneNumber) -> Option<ExplainedSearch> {
        None
    }
}
