// The voice of the login line; stays silent if the browser has no speech synthesis.

const synthesis = globalThis.speechSynthesis;
const button = document.getElementById("mute");

/** A telephone's pace. */
const RATE = 0.85;

let isMuted = false;

/** Says a text, interrupting the current one. */
export function say(text) {
  hush();
  if (!synthesis || isMuted) return;
  try {
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = "en";
    utterance.rate = RATE;
    synthesis.speak(utterance);
  } catch {
    // The words are shown as well.
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
