//! One session: admits the peer, decides the call, and has the code spoken.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::audit::Trail;
use super::connection::{Connection, Ended, NoHeader};
use super::header::Header;
use super::outcome::Outcome;
use super::scripts::{Script, Scripts};
use super::settings::{Mode, PinPrompt};
use crate::domain::otp::Otp;
use crate::domain::reason::{AuditReason, Reason};
use crate::domain::reported_call::ReportIds;
use crate::service::call_in::{Call, SpokenCode};
use crate::service::deadline::in_time;

/// The longest session: a header, a PIN, a decision, and a code spoken five times.
const SESSION: Duration = Duration::from_mins(1);
/// How long the caller may take to key the PIN's first digit, and each further one.
const KEYED_WITHIN: Duration = Duration::from_secs(8);
/// A caller ID without a number, as [`crate::domain::caller_id`] reads it.
const WITHHELD: &str = "anonymous";

/// Serves one session.
pub(super) async fn serve(stream: TcpStream, peer: IpAddr, scripts: Arc<Scripts>) -> Outcome {
    let mut session = Session {
        connection: Connection::new(stream),
        trail: Trail::new(peer, Arc::clone(&scripts)),
        scripts,
        outcome: Outcome::Error,
    };
    match timeout(SESSION, session.run(peer)).await {
        Ok(Err(Unfit { outcome })) => {
            session.connection.dismiss(&outcome.command()).await;
            outcome
        }
        Ok(Ok(())) | Err(_) => session.outcome,
    }
}

/// Ends the session of a peer that no script lists, without reading what it sends.
pub(super) async fn refuse_stranger(stream: TcpStream, peer: IpAddr, scripts: Arc<Scripts>) {
    record_stranger(peer, scripts);
    Connection::new(stream).dismiss(&Outcome::Refused.command()).await;
}

/// Records that a peer was refused that no script lists.
pub(super) fn record_stranger(peer: IpAddr, scripts: Arc<Scripts>) {
    Trail::new(peer, scripts).record_refusal(AuditReason::AddressNotListed);
}

/// Ends a session that is one too many.
pub(super) async fn refuse_for_now(stream: TcpStream) {
    Connection::new(stream).dismiss(&Outcome::Error.command()).await;
}

/// The peer cannot be served, and its replies are not read any more.
struct Unfit {
    outcome: Outcome,
}

struct Session {
    connection: Connection,
    trail: Trail,
    scripts: Arc<Scripts>,
    outcome: Outcome,
}

impl Session {
    async fn run(&mut self, peer: IpAddr) -> Result<(), Unfit> {
        let (script, header) = self.admit(peer).await?;
        // From here on an unfinished session leaves `DIALPASS_RESULT` as it was last set.
        match self.decide(&script, &header).await {
            Ok(code) => {
                if let Err(ended) = self.tell(&script, &code.otp).await {
                    self.log_end(ended);
                }
            }
            Err(reason) => {
                self.trail.record_refusal(reason);
                if reason != AuditReason::HungUp
                    && let Err(ended) = self.refuse(&script).await
                {
                    self.log_end(ended);
                }
            }
        }
        Ok(())
    }

    /// Reads the header, and finds the script that it names.
    async fn admit(&mut self, peer: IpAddr) -> Result<(Arc<Script>, Header), Unfit> {
        let lines = match self.connection.header().await {
            Ok(lines) => lines,
            Err(NoHeader::TooLarge) => return Err(self.unfit(AuditReason::AgiHeaderMalformed)),
            Err(NoHeader::TooSlow) => return Err(self.unfit(AuditReason::AgiHeaderTooSlow)),
            Err(NoHeader::Closed) => return Err(self.unfit(AuditReason::HungUp)),
        };
        let name =
            Header::script_of(&lines).ok_or_else(|| self.unfit(AuditReason::AgiHeaderMalformed))?;
        let script = self.scripts.by_name.get(&*name).cloned();
        let script = script.ok_or_else(|| self.unfit(AuditReason::ScriptUnknown))?;
        self.trail.tenant = Some(script.call_in.parts.tenant.clone());
        self.trail.script = Some(script.settings.name.clone());
        if !script.lists(peer) {
            return Err(self.unfit(AuditReason::AddressNotListed));
        }
        self.trail.is_listed = true;
        let header = Header::parse(&lines);
        let header = header.map_err(|_| self.unfit(AuditReason::AgiHeaderMalformed))?;
        self.trail.call_id = Some(header.call_id.clone());
        match self.challenge(&script).await {
            Ok(()) => Ok((script, header)),
            Err(reason) => Err(self.unfit(reason)),
        }
    }

    fn unfit(&mut self, reason: AuditReason) -> Unfit {
        self.trail.record_refusal(reason);
        let outcome = match reason {
            AuditReason::HungUp | AuditReason::AgiHeaderTooSlow | AuditReason::NoRandomness => {
                Outcome::Error
            }
            _ => Outcome::Refused,
        };
        self.outcome = outcome;
        Unfit { outcome }
    }

    /// Presets `DIALPASS_RESULT`, so that it has a value however the session ends, and has the peer
    /// repeat a number that it could not know before. A caller who ends the header early, by an empty
    /// line in the number, could otherwise write the replies to the commands as well.
    async fn challenge(&mut self, script: &Script) -> Result<(), AuditReason> {
        let random = &script.call_in.parts.random;
        let nonce = random.nonce().ok_or(AuditReason::NoRandomness)?;
        let nonce = hex::encode(nonce);
        let challenge = async {
            // One at a time: Asterisk does not see a command that arrives with another.
            self.connection.run(&Outcome::Error.command(), "1").await?;
            self.connection.send(&format!("GET FULL VARIABLE {nonce}")).await?;
            self.connection.reply().await
        };
        match challenge.await {
            Ok(repeated) if repeated == format!("1 ({nonce})") => Ok(()),
            Ok(_) | Err(Ended::OtherReply) => Err(AuditReason::AgiHeaderMalformed),
            Err(Ended::CallEnded) => Err(AuditReason::HungUp),
        }
    }

    /// Decides the call as getOTP does, and records the decision if there is a code.
    async fn decide(
        &mut self,
        script: &Script,
        header: &Header,
    ) -> Result<SpokenCode, AuditReason> {
        if self.scripts.audit.refuses() {
            return Err(AuditReason::AuditUnwritable);
        }
        let tenant = script.call_in.parts.tenant.clone();
        let key = (tenant, format!("fastagi {}", script.settings.name));
        self.scripts.by_client.admit(&key).map_err(|_| AuditReason::Flood)?;
        let pin = match &script.settings.pin {
            None => None,
            Some(prompt) => Some(self.keyed(prompt).await.map_err(|_| AuditReason::HungUp)?),
        };
        let caller_id = header.caller.as_deref().unwrap_or(WITHHELD);
        // Nothing of a session can be sent again, so its id need not be remembered.
        let call = Call {
            caller_id,
            vouching: header.vouching,
            pin: pin.as_deref(),
            report: &ReportIds::default(),
        };
        let deadline = Instant::now() + self.scripts.request_deadline;
        let decision = in_time(deadline, script.call_in.decide(call, deadline))
            .await
            .map_err(|_| AuditReason::DeadlinePassed)?;
        self.trail.number = decision.number;
        self.trail.user = decision.user;
        let code = decision.outcome.map_err(Reason::name)?;
        if self.trail.record_grant(decision.reason.name(), deadline).await {
            Ok(code)
        } else {
            Err(AuditReason::AuditUnwritable)
        }
    }

    /// What the caller keys.
    async fn keyed(&mut self, prompt: &PinPrompt) -> Result<String, Ended> {
        self.answer().await?;
        let PinPrompt { prompt, digits } = prompt;
        let command = format!("GET DATA \"{prompt}\" {} {digits}", KEYED_WITHIN.as_millis());
        self.connection.command(&command).await
    }

    /// Takes the call, and waits until the caller can hear.
    async fn answer(&mut self) -> Result<(), Ended> {
        self.connection.run("ANSWER", "0").await?;
        self.pause().await
    }

    async fn pause(&mut self) -> Result<(), Ended> {
        self.connection.run("EXEC Wait 1", "0").await
    }

    /// Plays a sound; one that is missing changes nothing else.
    async fn play(&mut self, sound: &str) -> Result<(), Ended> {
        if sound.is_empty() {
            return Ok(());
        }
        let played = self.connection.run(&format!("STREAM FILE {sound} \"\""), "0").await;
        if played == Err(Ended::OtherReply) {
            let script = self.trail.script.as_deref();
            tracing::warn!(
                script,
                sound,
                "Asterisk could not play the sound: see whether it is there"
            );
            return Ok(());
        }
        played
    }

    async fn set(&mut self, outcome: Outcome) -> Result<(), Ended> {
        self.connection.run(&outcome.command(), "1").await?;
        self.outcome = outcome;
        Ok(())
    }

    /// Has the code spoken, or passes it on.
    async fn tell(&mut self, script: &Script, otp: &Otp) -> Result<(), Ended> {
        let settings = &script.settings;
        if settings.mode == Mode::Variable {
            let command = format!("SET VARIABLE DIALPASS_CODE {}", otp.expose());
            self.connection.run(&command, "1").await?;
            return self.set(Outcome::Told).await;
        }
        self.answer().await?;
        self.play(&settings.sounds.before).await?;
        for pass in 0..settings.repeat {
            if pass > 0 {
                self.pause().await?;
            }
            let command = format!("SAY DIGITS {} \"\"", otp.expose());
            self.connection.run(&command, "0").await?;
            if pass == 0 {
                self.set(Outcome::Told).await?;
            }
        }
        self.play(&settings.sounds.after).await
    }

    /// Says that there is no code, the same whatever the reason.
    async fn refuse(&mut self, script: &Script) -> Result<(), Ended> {
        self.set(Outcome::Refused).await?;
        let refused = &script.settings.sounds.refused;
        if !refused.is_empty() {
            self.answer().await?;
            self.play(refused).await?;
        }
        Ok(())
    }

    /// Logs that a command was not carried out.
    fn log_end(&self, ended: Ended) {
        let (script, call_id) = (self.trail.script.as_deref(), self.trail.call_id.as_deref());
        match ended {
            Ended::CallEnded => tracing::debug!(script, call_id, "the caller hung up"),
            Ended::OtherReply => tracing::warn!(
                script,
                call_id,
                "Asterisk did not carry out a command of the session: see its log"
            ),
        }
    }
}
