// The phone on the screen: the chosen person calls, the chosen phone system requests a code from the
// gateway, and the phone shows and says what the caller would hear.
import { DIALECTS } from "./dialects.js";
import { duration } from "./wire.js";
import { hush, say } from "./voice.js";

const phone = document.getElementById("phone");
const title = document.getElementById("phone-title");
const state = document.getElementById("call-state");
const why = document.getElementById("why");
const dial = document.getElementById("dial");
const dialText = document.getElementById("dial-text");
const digits = [...document.getElementById("digits").children];
const people = document.getElementById("people");
const username = document.getElementById("username");
const code = document.getElementById("code");
const loggedIn = document.getElementById("login-outcome");
const dialects = document.getElementById("dialect");

/** Delay until the line answers, and between digits, in milliseconds. */
const RINGING = 900;
const PACE = 550;

const REFUSED = "Sorry, we cannot give you a code. Goodbye.";

/** Hanging up advances to the next call's number, so output of an earlier call is dropped. */
let call = 0;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const chosen = () => people.querySelector("input:checked");

const dialect = () => DIALECTS.find(({ id }) => id === dialects.value);

dialects.append(...DIALECTS.map(({ id, name }) => new Option(name, id)));

/** The call's progress; `spelt` is for screen readers, which do not see the digits. */
function show(name, text, { spelt = "", reason = "" } = {}) {
  phone.dataset.state = name;
  const hidden = document.createElement("span");
  hidden.className = "unseen";
  hidden.textContent = spelt && ` ${spelt}`;
  state.replaceChildren(text, hidden);
  why.textContent = reason;
  const isOnCall = name === "calling" || name === "telling";
  dialText.textContent = isOnCall ? "Hang up" : name === "idle" ? "Call" : "Call again";
  dial.classList.toggle("off", isOnCall);
}

function clear() {
  for (const digit of digits) digit.textContent = "";
}

async function begin() {
  const mine = ++call;
  const person = chosen();
  clear();
  show("calling", "Calling…");
  const [{ answer, otp, heard }] = await Promise.all([
    dialect().call(person.dataset.number),
    sleep(RINGING),
  ]);
  if (mine !== call) return;
  const told = `${answer.told}, ${answer.type}`;
  if (otp) await tell(mine, otp, told);
  else refuse({ ...answer, told }, heard ?? REFUSED, person.dataset.why);
}

async function tell(mine, otp, told) {
  show("telling", "Your code is");
  say(`Your code is: ${[...otp].join(". ")}.`);
  const isSlow = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const [place, digit] of [...otp].entries()) {
    if (isSlow) await sleep(PACE);
    if (mine !== call) return;
    digits[place].textContent = digit;
  }
  const reason = `${told}. Type it into the login form.`;
  show("told", "Your code is", { spelt: [...otp].join(" "), reason });
}

function refuse({ status, told, wait }, heard, known) {
  say(heard);
  let reason = known ?? "The audit trail knows why.";
  if (status === 429) reason = `Too many calls. Wait ${duration(wait)}.`;
  if (status === 0) reason = "The gateway does not answer. Is the demo still running?";
  reason = `${told}. The caller hears no more than that. ${reason}`;
  show("refused", `“${heard}”`, { reason });
}

function hangUp() {
  call += 1;
  hush();
  clear();
  show("idle", "Ready to call", { reason: "The phone system will ask dialpass for the caller’s code." });
}

dial.addEventListener("click", () => {
  if (phone.dataset.state === "calling" || phone.dataset.state === "telling") hangUp();
  else begin();
});

people.addEventListener("change", () => {
  const person = chosen();
  hangUp();
  const name = person.closest("label").querySelector("b").textContent;
  title.textContent = `${name}’s phone`;
  username.value = person.value || username.value;
  code.value = "";
  loggedIn.replaceChildren();
  loggedIn.className = "outcome";
});
people.addEventListener("submit", (event) => event.preventDefault());
