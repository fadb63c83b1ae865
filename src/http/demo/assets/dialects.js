// How phone systems ask for a caller's code: an entry for each that the page can play. Each asks, and
// says what came back: the code, or what the caller hears instead.
import { ask } from "./wire.js";

/** Where requests and answers are shown. */
const AT = "get-otp";

/** The line that is called. */
const CALLED = "+46846500404";

/** A number as voice platforms write it. */
const e164 = (number) => number.replace(/[^+\d]/g, "").replace(/^0/, "+46");

const bytes = (text) => new TextEncoder().encode(text);

/** The secret that the demo's voice platform signs with. */
const secret = () => document.getElementById("phone").dataset.secret;

/** The base64 of an HMAC. */
async function hmac(hash, text) {
  const key = await crypto.subtle.importKey("raw", bytes(secret()), { name: "HMAC", hash }, false, ["sign"]);
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(text)))));
}

/** The digits that a document spells out: “5, 3, 2, 1, 9, 0”. */
const spelt = (document) => /\d(?:, \d)+/.exec(document)?.[0].replaceAll(", ", "");

async function getOtp(number) {
  const headers = { Authorization: `Basic ${btoa("pbx:demo-pbx")}`, tenant: "demo" };
  const answer = await ask("PUT", "/api/authentication/getOTP", { headers, body: { phonenumber: number } }, AT);
  return { answer, otp: answer.body.otp };
}

async function twiml(number) {
  const path = "/voice/v1/demo/main";
  const fields = {
    AccountSid: "ACdemo",
    ApiVersion: "2010-04-01",
    CallSid: `CA${crypto.randomUUID().replaceAll("-", "")}`,
    CallStatus: "ringing",
    Direction: "inbound",
    From: e164(number),
    To: CALLED,
  };
  const signed = location.origin + path + Object.keys(fields).sort().map((name) => name + fields[name]).join("");
  const headers = { "X-Twilio-Signature": await hmac("SHA-1", signed) };
  const answer = await ask("POST", path, { headers, body: new URLSearchParams(fields) }, AT);
  return { answer, otp: spelt(answer.text), heard: />([^<]+)<\/Say>/.exec(answer.text)?.[1] };
}

/** The phone systems. */
export const DIALECTS = [
  { id: "json", name: "any, by getOTP in JSON", call: getOtp },
  { id: "twiml", name: "Twilio, by webhook in TwiML", call: twiml },
];
