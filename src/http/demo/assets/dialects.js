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
const base64 = (data) => btoa(String.fromCharCode(...new Uint8Array(data)));
const base64url = (data) => base64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const hex = (data) => [...new Uint8Array(data)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** An HMAC by the secret of the demo's voice platforms. */
async function hmac(hash, text) {
  const { secret } = document.getElementById("phone").dataset;
  const key = await crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", key, bytes(text));
}

const id = () => crypto.randomUUID();
const now = () => Math.floor(Date.now() / 1000);
const path = (name) => `/voice/v1/demo/${name}`;

/** Reports a call; reads the code, spelt “5, 3, 2, 1, 9, 0”, or another sentence from the document. */
async function report(name, headers, body) {
  const answer = await ask("POST", path(name), { headers, body }, AT);
  const [, inXml, inJson] = />([^<]+)<\/Say>|"text":"([^"]+)"/.exec(answer.text) ?? [];
  const otp = /\d(?:, \d)+/.exec(answer.text)?.[0].replaceAll(", ", "");
  return { answer, otp, heard: inXml ?? inJson };
}

async function getOtp(number) {
  const headers = { Authorization: `Basic ${btoa("pbx:demo-pbx")}`, tenant: "demo" };
  const answer = await ask("PUT", "/api/authentication/getOTP", { headers, body: { phonenumber: number } }, AT);
  return { answer, otp: answer.body.otp };
}

async function twilio(number) {
  const fields = {
    AccountSid: "ACdemo",
    ApiVersion: "2010-04-01",
    CallSid: `CA${id().replaceAll("-", "")}`,
    CallStatus: "ringing",
    Direction: "inbound",
    From: e164(number),
    To: CALLED,
  };
  const pairs = Object.keys(fields).sort().map((name) => name + fields[name]);
  const signature = await hmac("SHA-1", location.origin + path("twiml") + pairs.join(""));
  return report("twiml", { "X-Twilio-Signature": base64(signature) }, new URLSearchParams(fields));
}

async function jambonz(number) {
  const headers = { from: `<sip:${e164(number)}@carrier.example>;tag=${id()}` };
  const call = { call_sid: id(), direction: "inbound", from: e164(number), to: CALLED, sip: { headers } };
  const time = now();
  const signature = hex(await hmac("SHA-256", `${time}.${JSON.stringify(call)}`));
  return report("jambonz", { "Jambonz-Signature": `t=${time},v1=${signature}` }, call);
}

async function vonage(number) {
  const call = { uuid: id(), from: e164(number).slice(1), to: CALLED.slice(1) };
  const payload_hash = hex(await crypto.subtle.digest("SHA-256", bytes(JSON.stringify(call))));
  const parts = [{ alg: "HS256", typ: "JWT" }, { iat: now(), jti: id(), iss: "Vonage", payload_hash }];
  const unsigned = parts.map((part) => base64url(bytes(JSON.stringify(part)))).join(".");
  const token = `${unsigned}.${base64url(await hmac("SHA-256", unsigned))}`;
  return report("ncco", { Authorization: `Bearer ${token}` }, call);
}

/** The phone systems. */
export const DIALECTS = [
  { id: "json", name: "any, by getOTP in JSON", call: getOtp },
  { id: "twiml", name: "Twilio, in TwiML", call: twilio },
  { id: "jambonz", name: "jambonz", call: jambonz },
  { id: "ncco", name: "Vonage, in NCCO", call: vonage },
];
