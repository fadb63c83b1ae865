// The voice of the login line, where the browser has one; a page without goes on in silence.

const synthesis = globalThis.speechSynthesis;
const button = document.getElementById("mute");

/** A telephone's pace. */
const RATE = 0.85;

let isMuted = false;

/** Says a text, in place of what is being said. */
export function say(text) {
  hush();
  if (!synthesis || isMuted) return;
  try {
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = "en";
    utterance.rate = RATE;
    synthesis.speak(utterance);
  } catch {
    // What is said is shown too.
  }
}

/** Stops speaking. */
export function hush() {
  try {
    synthesis?.cancel();
  } catch {
    // Nothing was being said.
  }
}

button.hidden = !synthesis;
button.addEventListener("click", () => {
  isMuted = !isMuted;
  button.setAttribute("aria-pressed", String(isMuted));
  if (isMuted) hush();
});
addEventListener("pagehide", hush);
