//! The path of a webhook: the tenant, the endpoint, and the step of the call.

/// The prefix of all endpoints.
pub(super) const BASE: &str = "/voice/v1";

/// A step of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The platform reports the call, or a browser fetches its first page.
    Begin,
    /// The platform sends what the caller keyed.
    Pin,
    /// A browser sends the call.
    Code,
}

impl Step {
    /// The segment that follows the endpoint's name.
    const fn segment(self) -> Option<&'static str> {
        match self {
            Self::Begin => None,
            Self::Pin => Some("pin"),
            Self::Code => Some("code"),
        }
    }
}

/// What a path names: `/voice/v1/{tenant}/{name}`, where a step may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target<'p> {
    /// The tenant's id, as written.
    pub tenant: &'p str,
    /// The endpoint's name, as written.
    pub name: &'p str,
    /// The step.
    pub step: Step,
}

impl<'p> Target<'p> {
    /// Reads a path as it was sent; `None` if it is not one of a webhook. Nothing is decoded, because
    /// neither ids nor names have characters that need encoding.
    pub(super) fn of(path: &'p str) -> Option<Self> {
        let rest = path.strip_prefix(BASE)?.strip_prefix('/')?;
        let mut segments = rest.strip_suffix('/').unwrap_or(rest).split('/');
        let (tenant, name) = (segments.next()?, segments.next()?);
        let step = segments.next();
        let steps = [Step::Begin, Step::Pin, Step::Code];
        let step = steps.into_iter().find(|known| known.segment() == step)?;
        let is_one = !tenant.is_empty() && !name.is_empty() && segments.next().is_none();
        is_one.then_some(Self { tenant, name, step })
    }

    /// The public URL of a step of this endpoint.
    pub(super) fn url(&self, public_base: &str, step: Step) -> String {
        let Self { tenant, name, step: _ } = self;
        let mut url = format!("{public_base}{BASE}/{tenant}/{name}");
        if let Some(segment) = step.segment() {
            url.push('/');
            url.push_str(segment);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_tenant_an_endpoint_and_a_step() {
        for (path, expected) in [
            ("/voice/v1/t1/main", Some(("t1", "main", Step::Begin))),
            ("/voice/v1/t1/main/", Some(("t1", "main", Step::Begin))),
            ("/voice/v1/t1/main/pin", Some(("t1", "main", Step::Pin))),
            ("/voice/v1/t1/main/code/", Some(("t1", "main", Step::Code))),
            ("/voice/v1/pin/code", Some(("pin", "code", Step::Begin))),
            ("/voice/v1/t1/main//", None),
            ("/voice/v1/t1/main/p%69n", None),
            ("/voice/v1/t1/main/pin/pin", None),
            ("/voice/v1/t1//pin", None),
            ("/voice/v1//main", None),
            ("/voice/v1/t1/", None),
            ("/voice/v1/t1", None),
            ("/voice/v1x/t1/main", None),
            ("/voice/v2/t1/main", None),
        ] {
            let target = Target::of(path);
            assert_eq!(target.map(|it| (it.tenant, it.name, it.step)), expected, "{path}");
        }
    }

    #[test]
    fn the_url_of_a_step_is_read_back() {
        let target = Target { tenant: "t1", name: "main", step: Step::Pin };
        for step in [Step::Begin, Step::Pin, Step::Code] {
            let url = target.url("https://otp.example.com", step);
            let path = url.strip_prefix("https://otp.example.com").expect("the base");
            assert_eq!(Target::of(path), Some(Target { step, ..target }));
        }
    }
}
