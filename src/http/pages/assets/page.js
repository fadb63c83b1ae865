// Opened on the phone by a link from a QR code or a notification: shows the request, and has the
// phone's passkey confirm it. Opening the link changes nothing; only a tap does.

import { post } from "./api.js";
import { create, isSupported, sign } from "./passkey.js";
import * as view from "./view.js";

const { button, element, facts, fill, live, paragraph, show, texts } = view;

const QUERY = "dispatchTokenResponse";
const CONFIRMED = "confirmed";

let token = null;
let transaction = { company: texts.somebody };

/** Ends whatever the current view has started. */
let leave = () => {};

/** Shows a view that leaves nothing running. */
function settle(name, title, body, { sign = "bad", retry, more = [] } = {}) {
  leave();
  const again = retry && button("try-again", texts.try_again, retry, "main");
  show(name, title, [paragraph(fill(body, transaction)), again, ...more], sign);
}

/** Shows why the gateway refused, by its status. */
function refused(status, retry) {
  if (status === 404) settle("unknown", texts.unknown_title, texts.unknown);
  else if (status === 429) settle("failed", texts.too_often_title, texts.too_often, { retry });
  else if (status === 0 || status >= 500) settle("failed", texts.away_title, texts.away, { retry });
  else settle("failed", texts.odd_title, texts.odd, { retry });
}

/** Reads the transaction and shows its stage. `sent` is what this page has confirmed. */
async function load(sent) {
  if (!token) return refused(404);
  const { status, body } = await post("/open/transaction", { token });
  if (status === 400 || status === 403) return refused(404);
  if (status !== 200) return refused(status, () => load(sent));
  transaction = body;
  view.showCompany(body.company);
  if (body.stage === "pending") return body.operation === "enroll" ? enroll() : approve();
  if (body.stage === "expired") return expired();
  if (body.stage === "succeeded" && sent) return done({});
  if (body.stage === "succeeded" && kept()) return done(kept());
  if (body.stage === "succeeded") {
    return settle("used", texts.used_title, texts.used, { sign: "good" });
  }
  if (sent?.matchNumber) return settle("failed", texts.wrong_number_title, texts.wrong_number);
  return settle("used", texts.ended_title, texts.ended);
}

function expired() {
  settle("expired", texts.expired_title, texts.expired, { sign: "late" });
}

/** Who asks, when and from where, below the user's name. */
function asking(first) {
  const { company, askedBy, askedFrom, createdAt } = transaction;
  const when = new Intl.DateTimeFormat(view.language, { dateStyle: "medium", timeStyle: "short" });
  return facts([
    ...first,
    [texts.asked_by, askedBy ? `${company} (${askedBy})` : company],
    [texts.asked_at, when.format(new Date(createdAt))],
    [texts.asked_from, askedFrom],
  ]);
}

function enroll() {
  const { username, company } = transaction;
  const who = username
    ? fill(texts.enroll_for, { company, user: username })
    : fill(texts.enroll_for_you, { company });
  const status = live("status");
  show("enroll", texts.enroll_title, [
    paragraph(who),
    paragraph(texts.enroll_how, "quiet"),
    asking([]),
    paragraph(texts.enroll_care, "quiet"),
    button("register", texts.register, () => confirm(status), "main"),
    status,
    timeLeft(),
  ]);
}

function approve() {
  const { message, username, company } = transaction;
  const number = transaction.matchNumber ? numberField() : null;
  const status = live("status");
  show("approve", message ? texts.approve_title : texts.approve_title_bare, [
    message
      ? element("blockquote", { dir: "auto" }, message)
      : paragraph(fill(texts.approve_bare, { company })),
    asking([[texts.for_user, username]]),
    paragraph(texts.approve_care, "quiet"),
    number?.parts,
    button("approve", texts.approve, () => number?.isMissing() || confirm(status, number), "main"),
    button("decline", texts.decline, decline),
    status,
    timeLeft(),
  ]);
}

/** The field for the number shown on the other screen. */
function numberField() {
  const alert = live("alert");
  alert.id = "match-number-alert";
  const input = element("input", {
    id: "match-number",
    inputmode: "numeric",
    autocomplete: "off",
    maxlength: "2",
    "aria-describedby": alert.id,
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") document.getElementById("approve").click();
  });
  const isMissing = () => {
    const missing = !/^[0-9]{2}$/.test(input.value.trim());
    input.setAttribute("aria-invalid", String(missing));
    alert.textContent = missing ? texts.number_missing : "";
    if (missing) input.focus();
    return missing;
  };
  const label = element("label", { for: input.id }, texts.number_label);
  return { parts: element("div", { class: "field" }, label, input, alert), input, isMissing };
}

/** The request's remaining time; reports when it is over. */
function timeLeft() {
  const ends = Date.now() + transaction.secondsLeft * 1000;
  const shown = paragraph("", "quiet");
  const tick = () => {
    const seconds = Math.ceil((ends - Date.now()) / 1000);
    if (seconds <= 0 && !view.isBusy()) return expired();
    const [amount, unit] = seconds > 90 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
    const style = { style: "unit", unit, unitDisplay: "long" };
    const time = new Intl.NumberFormat(view.language, style).format(Math.max(amount, 0));
    shown.textContent = fill(texts.time_left, { time });
  };
  leave();
  const clock = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  document.addEventListener("visibilitychange", lookAgain);
  leave = () => {
    clearInterval(clock);
    document.removeEventListener("visibilitychange", tick);
    document.removeEventListener("visibilitychange", lookAgain);
  };
  // Not at once: the view that this belongs to is not shown yet.
  queueMicrotask(tick);
  return shown;
}

/** Checks whether the request has ended elsewhere when the user returns to this page. */
async function lookAgain() {
  if (document.hidden || view.isBusy()) return;
  const { status, body } = await post("/open/transaction", { token });
  if (status === 200 && body.stage !== "pending" && !view.isBusy()) await load();
}

/** Has the passkey confirm. Do not await anything before: browsers require a recent tap. */
async function confirm(status, number) {
  view.setBusy(true);
  status.textContent = texts.waiting_for_you;
  const isEnroll = transaction.operation === "enroll";
  let credential;
  try {
    credential = await (isEnroll ? create : sign)(transaction.publicKey);
  } catch (error) {
    return notSigned(error.name, isEnroll);
  }
  status.textContent = texts.sending;
  const device = await hints();
  await send({ token, credential, device, matchNumber: number?.input.value.trim() });
}

/** Shows why there is no signature. */
function notSigned(name, isEnroll) {
  const retry = () => load();
  if (isEnroll && name === "InvalidStateError") {
    settle("used", texts.already_title, texts.already, { sign: "good" });
  } else if (["NotAllowedError", "AbortError", "NotSupportedError", "ConstraintError"].includes(name)) {
    const why = isEnroll ? texts.cancelled_enroll : texts.cancelled_approve;
    settle("failed", texts.cancelled_title, why, { retry });
  } else {
    settle("failed", texts.odd_title, texts.odd, { retry });
  }
}

/** Sends what the passkey signed; once more if there is no answer. */
async function send(signed) {
  const { status, body } = await post("/open/confirm", signed);
  const isEnroll = transaction.operation === "enroll";
  if (status === 200) done(body);
  else if (status === 400) {
    const why = isEnroll ? texts.refused_enroll : texts.refused_approve;
    settle("failed", texts.refused_title, why, { retry: () => load() });
  } else if (status === 409) settle("failed", texts.too_many_phones_title, texts.too_many_phones);
  else if (status === 412) await load(signed);
  else refused(status, () => send(signed));
}

async function decline() {
  view.setBusy(true);
  const { status } = await post("/open/decline", { token });
  if (status === 204) settle("declined", texts.declined_title, texts.declined, {
    sign: "no",
    more: [paragraph(texts.close, "quiet")],
  });
  else if (status === 412) await load();
  else refused(status, decline);
}

/** What the browser reports about its device, to name the authenticator. */
async function hints() {
  try {
    const { model, platform } = await navigator.userAgentData.getHighEntropyValues(["model"]);
    return { model: model || undefined, platform: platform || undefined };
  } catch {
    return undefined;
  }
}

function done(answer) {
  const isEnroll = transaction.operation === "enroll";
  const [title, body] = isEnroll
    ? [texts.registered_title, texts.registered]
    : [texts.approved_title, texts.approved];
  settle("done", title, body, { sign: "good", more: [paragraph(texts.close, "quiet")] });
  if (answer.pushKey) {
    keep(answer);
    offerNotifications(answer);
  }
}

/** The gateway's answer to the confirmation, so that a reload offers notifications again. */
function kept() {
  try {
    const { of, answer } = JSON.parse(sessionStorage.getItem(CONFIRMED));
    return of === token && answer;
  } catch {
    return null;
  }
}

function keep(answer) {
  try {
    sessionStorage.setItem(CONFIRMED, JSON.stringify({ of: token, answer }));
  } catch {
    // Without storage, a reload only says that it is done.
  }
}

/** Loaded only now, because confirming does not need it. */
async function offerNotifications(answer) {
  const { canAsk, offer } = await import("./notifications.js");
  if (canAsk() !== "never") view.add(offer(answer, transaction.company));
}

/** The token; it moves from the address bar to the tab's storage, so that a reload works. */
function takeToken() {
  const given = new URLSearchParams(location.search).get(QUERY);
  try {
    if (!given) return sessionStorage.getItem(QUERY);
    sessionStorage.setItem(QUERY, given);
    history.replaceState(null, "", location.pathname);
  } catch {
    // Without storage the token stays in the address bar.
  }
  return given;
}

/** For a browser without passkeys; the address keeps the token for another browser. */
function unsupported() {
  const copied = live("status");
  const copy = button("copy-link", texts.copy_link, async () => {
    await navigator.clipboard.writeText(location.href);
    copied.textContent = texts.copied;
  });
  const more = isSecureContext && navigator.clipboard ? [copy, copied] : [];
  const why = isSecureContext ? texts.unsupported : texts.insecure;
  settle("unsupported", texts.unsupported_title, why, { more });
}

async function phone() {
  try {
    const { phonePage } = await import("./notifications.js");
    await phonePage(new URLSearchParams(location.hash.slice(1)).get("device"));
  } catch {
    settle("failed", texts.away_title, texts.away, { retry: () => location.reload() });
  }
}

if (location.pathname === "/open/phone") {
  phone();
} else if (!isSecureContext || !isSupported()) {
  unsupported();
} else {
  token = takeToken();
  load();
}
