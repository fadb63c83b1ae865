// Embedded by customers in pages of any origin: starts an enrollment or an approval with an intent
// token, shows the QR code or the link, and calls back once with the result.
// docs/phone-authenticator.md says how to use it.
(() => {
  "use strict";

  const TEXTS = {/* texts */};

  const POLL = 1500;
  /** Delays before unanswered requests are retried, in milliseconds; then it gives up. */
  const PAUSES = [2000, 4000, 8000];
  /** A phone has ten minutes; a poll that fails later means that the time is up. */
  const LIFETIME = 600_000;

  /** The gateway that serves this script, inserted by it: nothing in the page may change it. */
  const HOME = "/* home */";

  // If a page shows its users' markup, an `<img name="currentScript">` in it replaces
  // `document.currentScript`, and likewise any other property (HTML, 3.1.5). Names cannot replace
  // the prototype's own properties.
  const native = Document.prototype;
  const create = (name) => native.createElement.call(document, name);
  const isScript = (one) => one instanceof HTMLScriptElement;

  /** The element that runs this. A module has none, so it is found by its URL. */
  function ownScript() {
    const current = Object.getOwnPropertyDescriptor(native, "currentScript").get.call(document);
    if (current) return isScript(current) ? current : null;
    const all = native.querySelectorAll.call(document, "script[data-token]");
    const isOurs = (one) => isScript(one) && one.src === `${HOME}widget/auth.js`;
    return [...all].find(isOurs) ?? null;
  }

  const script = ownScript();

  const STYLE = `
    :host { display: block; }
    .box { --accent: #0b5cad; --on-accent: #fff; box-sizing: border-box; max-width: 22rem;
      margin: 0 auto; padding: 1.5rem; border-radius: 1rem; text-align: center;
      border: 1px solid #d5dbe3; background: #fff; color: #16202c; overflow-wrap: anywhere;
      font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    @supports (color: light-dark(#fff, #000)) {
      .box { border-color: light-dark(#d5dbe3, #313d4b); background: light-dark(#fff, #19212b);
        color: light-dark(#16202c, #eef2f6); }
    }
    .logo { display: block; max-width: 100%; max-height: 3rem; margin: 0 auto 1rem; }
    .qr { display: block; width: 100%; max-width: 300px; margin: 0.5rem auto;
      border-radius: 0.5rem; background: #fff; image-rendering: pixelated; }
    p { margin: 0 0 0.75rem; }
    .state { margin: 0; font-weight: 600; }
    .state[data-state="waiting"] { margin-top: 0.75rem; font-weight: 400; font-size: 0.9375rem; }
    .match { display: block; font-size: 3rem; font-weight: 700; line-height: 1.2;
      letter-spacing: 0.1em; font-variant-numeric: tabular-nums; }
    a.link, summary { color: inherit; cursor: pointer; }
    a.link { display: inline-block; padding: 0.625rem; }
    a.big { display: block; margin: 0.5rem 0 0.75rem; padding: 0.875rem 1rem; border-radius: 0.75rem;
      background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none; }
    summary { padding: 0.625rem; }
    :focus-visible { outline: 3px solid currentcolor; outline-offset: 3px; }
    a.big:focus-visible { outline-color: var(--accent); }
  `;

  function element(name, attributes, ...children) {
    const made = create(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function textsFor(language) {
    const wanted = [language, ...navigator.languages].filter(Boolean);
    const known = wanted.map((one) => one.split("-")[0].toLowerCase()).find((one) => TEXTS[one]);
    return { lang: known ?? "en", texts: TEXTS[known ?? "en"] };
  }

  /** The text colour, black or white, with more contrast on this colour (WCAG 2, 1.4.3). */
  function readableOn(color) {
    const pen = create("canvas").getContext("2d");
    pen.fillStyle = color;
    const hex = /^#(..)(..)(..)$/.exec(pen.fillStyle);
    if (!hex) return "#fff";
    const [red, green, blue] = hex.slice(1).map((two) => {
      const part = parseInt(two, 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? "#fff" : "#000";
  }

  const isPhone = () =>
    navigator.userAgentData?.mobile ||
    /Android|iPhone|iPad|iPod/.test(navigator.userAgent) ||
    (matchMedia("(pointer: coarse)").matches && navigator.maxTouchPoints > 1);

  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  /** Status, body and seconds to wait; status 0 without an answer. */
  async function post(url, body, token, signal) {
    try {
      const headers = { "Content-Type": "application/json" };
      if (token) headers.Authorization = `Bearer ${token}`;
      const asked = { method: "POST", headers, body: JSON.stringify(body), credentials: "omit" };
      const answer = await fetch(url, { ...asked, cache: "no-store", signal });
      const wait = Number(answer.headers.get("Retry-After"));
      return { status: answer.status, body: await answer.json().catch(() => ({})), wait };
    } catch {
      return { status: 0, body: {}, wait: 0 };
    }
  }

  class Run {
    #stopped = new AbortController();

    constructor(place, options) {
      this.options = options;
      const { lang, texts } = textsFor(options.language);
      this.texts = texts;
      this.state = element("p", { class: "state", role: "status", "aria-live": "polite" });
      this.shown = element("div", { "aria-live": "polite" });
      const box = element("div", { class: "box", role: "group", lang }, this.shown, this.state);
      if (options.logo) box.prepend(element("img", { class: "logo", src: options.logo, alt: "" }));
      if (options.color && CSS.supports("color", options.color)) {
        box.style.setProperty("--accent", options.color);
        box.style.setProperty("--on-accent", readableOn(options.color));
      }
      this.host = element("div", { class: "dialpass" });
      const root = this.host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      root.append(box);
      place.replaceChildren(this.host);
    }

    get isStopped() {
      return this.#stopped.signal.aborted;
    }

    /** Removes the widget without calling back. */
    stop() {
      this.#stopped.abort();
      this.host.remove();
    }

    /** Shows the progress; text already shown is not read out again. */
    say(state, text) {
      this.state.dataset.state = state;
      if (this.state.textContent !== text) this.state.textContent = text;
    }

    /** Shows the result and calls back, once. */
    end(status, message, known = {}) {
      if (this.isStopped) return;
      this.#stopped.abort();
      this.shown.replaceChildren();
      this.say(status, message);
      const { token, transactionId, userId } = known;
      const isSuccess = status === "succeeded";
      const outcome = {
        result: isSuccess ? "success" : "error",
        data: { userId },
        token: isSuccess ? token : undefined,
        status,
        message,
        transactionId,
      };
      const event = new CustomEvent("dialpass:result", { detail: outcome, bubbles: true });
      this.host.dispatchEvent(event);
      this.options.onResult?.(outcome);
    }

    ask(path, body, token) {
      return post(`${HOME}api/v1/${path}`, body, token, this.#stopped.signal);
    }

    async run() {
      const { texts } = this;
      this.say("starting", texts.starting);
      const begun = await this.begin(this.options.channel ?? "app");
      if (this.isStopped) return;
      const { status, body } = begun;
      if (status === 201) return this.wait(body);
      if (begun.notPushed && status !== 409 && status !== 429) return this.end("error", texts.no_push);
      if (status === 401 || status === 403) return this.end("expired", texts.used_up);
      if (status === 0 || status === 503) return this.end("error", texts.away);
      if (status === 409) return this.end("error", texts.too_many_phones);
      if (status === 429) return this.end("error", texts.too_often);
      console.error("dialpass:", status, body.message ?? "");
      const isNobodys = status === 400 && this.options.operation === "approve";
      this.end("error", isNobodys ? texts.no_phone : texts.error);
    }

    /** Starts, and retries without an answer or when rate-limited. */
    async begin(channel) {
      const { operation, token } = this.options;
      const path = operation === "enroll" ? "users/enroll" : "approval";
      for (const pause of [...PAUSES, null]) {
        const answer = await this.ask(path, { channel }, token);
        // A phone without notifications: use the QR code.
        if (channel === "push" && answer.status === 400) {
          console.warn("dialpass:", answer.body.message ?? "");
          return { ...(await this.begin("app")), notPushed: true };
        }
        const again = answer.status === 0 || answer.status === 429 || answer.status === 503;
        if (!again || pause === null || this.isStopped || answer.wait > 60) return answer;
        this.say("offline", this.texts.offline);
        await sleep(Math.max(answer.wait * 1000, pause));
      }
    }

    /** Shows what the phone needs, and polls until the transaction has ended. */
    async wait(begun) {
      const { texts } = this;
      const statusToken = begun.statusToken ?? begun.enrollment?.statusToken;
      this.show(begun);
      this.say("waiting", texts.waiting);
      while (!this.isStopped) {
        await this.pause();
        this.wasShown ||= this.host.isConnected;
        if (this.wasShown && !this.host.isConnected) return this.stop();
        const { status, body, wait } = await this.ask("status", { statusToken });
        if (this.isStopped) return;
        if (body.status === "succeeded") return this.end("succeeded", texts.succeeded, body);
        if (body.status === "failed") {
          const took = Date.parse(body.lastUpdatedAt) - Date.parse(body.createdAt);
          const isLate = took >= LIFETIME;
          return this.end(isLate ? "expired" : "failed", isLate ? texts.expired : texts.failed, body);
        }
        if (status === 404) return this.end("expired", texts.expired);
        if (body.status === "pending") this.say("waiting", texts.waiting);
        else {
          this.say("offline", texts.offline);
          await sleep(wait * 1000);
        }
      }
    }

    /** Waits for the next poll, or until the page is visible again: browsers slow hidden pages. */
    pause() {
      return new Promise((resolve) => {
        const next = () => {
          clearTimeout(timer);
          native.removeEventListener.call(document, "visibilitychange", next);
          resolve();
        };
        const timer = setTimeout(next, POLL);
        native.addEventListener.call(document, "visibilitychange", next);
      });
    }

    /** Shows what to do, with number, QR code and link. */
    show(begun) {
      const { texts } = this;
      const isEnroll = this.options.operation === "enroll";
      const { qrCode, appLinkUri } = begun.enrollment ?? begun;
      const isPushed = !appLinkUri || !/^https?:/.test(appLinkUri);
      const add = (...parts) => this.shown.append(...parts.filter(Boolean));
      const link = (text, kind) =>
        element("a", { class: kind, href: appLinkUri, target: "_blank", rel: "noopener" }, text);
      const scan = element("p", {}, isEnroll ? texts.scan_enroll : texts.scan_approve);
      const code = qrCode && element("img", { class: "qr", src: qrCode.dataUri, alt: texts.qr });
      const digits = element("strong", { class: "match" }, begun.matchNumber ?? "");
      const number = begun.matchNumber && element("p", {}, texts.match, digits);
      if (isPushed) add(element("p", {}, texts.pushed), number);
      else if (!isPhone()) add(scan, code, number, link(texts.here, "link"));
      else {
        add(link(isEnroll ? texts.open_enroll : texts.open_approve, "link big"), number);
        if (code) add(element("details", {}, element("summary", {}, texts.other_phone), scan, code));
      }
    }
  }

  globalThis.Dialpass = {
    /** Starts in `element`, replacing its content; returns `{ stop }`. */
    start(place, options) {
      if (!(place instanceof Element)) throw new TypeError("Dialpass.start: no element");
      if (!options?.token) throw new TypeError("Dialpass.start: no token");
      if (options.operation !== "enroll" && options.operation !== "approve") {
        throw new TypeError("Dialpass.start: operation is neither enroll nor approve");
      }
      const run = new Run(place, options);
      run.run();
      return { stop: () => run.stop() };
    },
  };

  if (script?.dataset.token) {
    const { result, ...options } = script.dataset;
    const place = element("div", {});
    script.after(place);
    const onResult = result && ((outcome) => globalThis[result]?.(outcome));
    Dialpass.start(place, { ...options, onResult });
  }
})();
