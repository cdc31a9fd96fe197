// Checks, seals and sends the new password, and for a change the current one with it. Nothing but the sealed form
// ever leaves this page, and what is typed is kept nowhere but in its field, which is emptied when it has been sent
// and when the page is left.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId("password-form");
  const field = byId("password");
  const current = byId("current"); // only on the page of a change
  const fields = current ? [current, field] : [field];
  const button = byId("change");
  const words = byId("words").dataset;
  const names = JSON.parse(words.names);
  const banned = homewardBanned.list(JSON.parse(words.banned));
  const min = Number(words.min);
  const complexity = words.complexity === "true";
  const plural = new Intl.PluralRules(words.lang);
  const maxTries = 3;
  const lostPause = 400; // ms: a phone that changes its network is back soon

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  const count = (name, n, values) => {
    const forms = JSON.parse(words[name]); // by plural category: Arabic has six
    return fill(forms[plural.select(n)] ?? forms.other, { n, ...values });
  };

  // --- what Active Directory would say -------------------------------------------------------------------

  // Characters are UTF-16 units, as Active Directory counts them; so is String.length. Letters without case
  // are a kind of their own, which helps but has no chip; everything else is a symbol, as the agent counts.
  const tests = { upper: /\p{Lu}/u, lower: /\p{Ll}/u, digit: /[0-9]/, symbol: /[^\p{L}0-9]/u, other: /[\p{Lo}\p{Lt}\p{Lm}]/u };
  const order = ["lower", "upper", "digit", "symbol"];
  const kindsOf = (text) => [...order, "other"].filter((kind) => tests[kind].test(text));

  function nameIn(text) {
    const lower = text.toLowerCase();
    return names.find((name) => lower.includes(name.toLowerCase()));
  }

  // either says "a, b or c".
  function either(list) {
    const texts = list.map((kind) => words[kind]);
    const last = texts.pop();
    return texts.length ? texts.join(words.comma) + words.or + last : last;
  }

  // mistake returns the first rule the password breaks and the sentence for it, or nothing.
  function mistake(text) {
    if (text === "") return { text: words.empty };
    if (text.length < min) return { rule: "length", text: count("short", text.length) };
    if (text.length > 256) return { text: words.long };
    const kinds = kindsOf(text);
    if (complexity && kinds.length < 3) {
      const rest = order.filter((kind) => !kinds.includes(kind));
      return { rule: "kinds", text: count("kinds", 3 - kinds.length, { list: either(rest) }) };
    }
    const name = complexity && nameIn(text);
    if (name) return { rule: "name", text: fill(words.name, { name: name.toLowerCase() }) };
    const word = homewardBanned.find(text, banned);
    return word ? { rule: "banned", text: fill(words.bannedWord, { word }) } : null;
  }

  // --- checklist -----------------------------------------------------------------------------------------

  const rules = byId("rules");
  const met = byId("rules-met");
  const spoken = byId("rules-status");
  const row = (id) => rules?.querySelector(`[data-rule="${id}"]`);
  let speaking = 0;

  function mark(id, state) {
    const li = row(id);
    if (!li) return;
    li.dataset.state = state;
    const word = { ok: words.yes, todo: words.no, bad: words.bad }[state];
    li.querySelector("[data-word]").textContent = word ? `${word}: ` : "";
  }

  function checklist() {
    const text = field.value;
    const kinds = kindsOf(text);
    const some = text !== "";
    mark("length", text.length >= min && some ? "ok" : "todo");
    mark("kinds", kinds.length >= 3 ? "ok" : "todo");
    mark("name", some && !nameIn(text) ? "ok" : "todo");
    mark("banned", some && !homewardBanned.find(text, banned) ? "ok" : "todo");
    mark("history", "later");
    note("length", some ? count("now", text.length) : "");
    note("kinds", some ? count("now", kinds.length) : "");
    chips(kinds, some);
    tally(some);
    strength(text);
  }

  function note(id, text) {
    const now = row(id)?.querySelector("[data-now]");
    if (now) now.textContent = text;
  }

  function chips(kinds, some) {
    const li = row("kinds");
    if (!li) return;
    li.querySelector("[data-plain]").hidden = some;
    li.querySelector("[data-chips]").hidden = !some;
    for (const chip of li.querySelectorAll("[data-kind]")) {
      chip.toggleAttribute("data-on", kinds.includes(chip.dataset.kind));
    }
  }

  // tally shows how many rules are met at once, and says it when typing has stopped for a second.
  function tally(some) {
    clearTimeout(speaking);
    if (!rules) return;
    const n = rules.querySelectorAll('[data-state="ok"]').length;
    const of = rules.children.length;
    met.textContent = some ? ` · ${count("met", n, { of })}` : "";
    if (some) speaking = setTimeout(() => (spoken.textContent = count("spoken", n, { of })), 1000);
    else spoken.textContent = "";
  }

  // --- strength: advice only, the rules decide -----------------------------------------------------------

  const common = /pass(wor[dt])?|qwert|asdf|letmein|welcome|willkommen|bienvenue|admin|summer|sommer|winter|spring|autumn|herbst|monday|montag|hallo|hola|bonjour|motdepasse|azerty|contrase|l[oö]senord|1234|abcd|(.)\2\2/gi;

  function level(text) {
    if (text === "") return 0;
    const plain = text.replace(common, "*"); // a common word is worth one character
    const variety = new Set(plain.toLowerCase()).size;
    const score = plain.length + Math.min(variety, 12) / 2 + kindsOf(text).length * 2;
    return score < 16 ? 1 : score < 22 ? 2 : score < 32 ? 3 : 4;
  }

  function strength(text) {
    const meter = byId("strength");
    const n = level(text);
    meter.hidden = n === 0;
    meter.dataset.level = n;
    meter.querySelector("b").textContent = ["", words.weak, words.fair, words.good, words.strong][n];
  }

  // --- errors: the same summary, field error and marked rule as the server's ------------------------------

  function clearProblem() {
    byId("problems").replaceChildren();
    for (const input of fields) {
      byId(`${input.id}-error`).hidden = true;
      input.removeAttribute("aria-invalid");
    }
  }

  function problem({ rule, text, at = field }) {
    const summary = byId("summary").content.cloneNode(true);
    const link = summary.querySelector("a");
    link.textContent = text;
    link.setAttribute("href", `#${at.id}`);
    byId("problems").replaceChildren(summary);
    const wrong = byId(`${at.id}-error`);
    wrong.querySelector("span").textContent = text;
    wrong.hidden = false;
    at.setAttribute("aria-invalid", "true");
    if (rule && row(rule)) {
      mark(rule, "bad");
      rules.prepend(row(rule));
    }
    document.title = `${words.problem} ${words.title}${words.tenant ? ` – ${words.tenant}` : ""}`;
    byId("problems").firstElementChild.focus();
  }

  // --- sealing and sending -------------------------------------------------------------------------------

  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const base64 = (view) => btoa(Array.from(view, (b) => String.fromCharCode(b)).join(""));

  async function post(address, values) {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "HX-Request": "true" },
      body: new URLSearchParams({ flow: form.elements.flow.value, ...values }),
      cache: "no-store",
      redirect: "error",
    });
    if (!answer.ok && !answer.headers.get("Content-Type")?.startsWith("application/json")) {
      throw new Error(`answer ${answer.status}`);
    }
    return answer.json();
  }

  // once asks for a ticket, seals to its key and sends; it returns what the server says to that.
  async function once(secrets) {
    const ticket = await post(words.ticket, {});
    if (ticket.redirect) return ticket;
    const key = bytes(ticket.key);
    if (key.length !== homewardSeal.publicKeySize) throw new Error(`key has ${key.length} bytes`);
    const sealed = await homewardSeal.seal(key, bytes(ticket.header), ...secrets);
    try {
      return await post(form.getAttribute("action"), { request: ticket.request, sealed: base64(sealed) });
    } catch {
      return { lost: true }; // it may have arrived: nobody here can say that nothing has changed
    }
  }

  // send repeats with a fresh ticket when the agent that was asked is gone, because the key is then another one, and
  // when the connection broke: the ticket then tells whether the password arrived, and an earlier ticket is void. It
  // returns the address of the outcome, or the sentence for having none.
  async function send(secrets) {
    let text = words.again;
    for (let i = 0; i < maxTries; i++) {
      let answer;
      try {
        answer = await once(secrets);
      } catch (error) {
        if (text !== words.lost) throw error;
        answer = { lost: true }; // still no network: what became of the first try is not known yet
      }
      if (answer.redirect) return { address: answer.redirect };
      if (answer.busy) return { text: words.busy }; // another change of this password; nothing was sent
      if (!answer.again && !answer.lost) return { text: words.lost };
      if (answer.lost) {
        text = words.lost;
        await pause(lostPause * (i + 1));
      }
    }
    return { text };
  }

  function go(address) {
    const url = new URL(address, location.href);
    if (url.origin !== location.origin) throw new Error("foreign address");
    location.assign(url);
  }

  let busy = false;

  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    clearProblem();
    checklist();
    const wrong = current?.value === "" ? { text: words.current, at: current } : mistake(field.value);
    if (wrong) {
      problem(wrong);
      return;
    }
    busy = true;
    button.disabled = true;
    try {
      const outcome = await send(fields.map((input) => input.value)); // the current one first
      if (outcome.text) {
        ready();
        problem(outcome);
        return;
      }
      empty();
      go(outcome.address);
    } catch {
      ready(); // what was typed stays: nothing is lost, and trying again is one press
      problem({ text: words.network });
    }
  }

  function ready() {
    busy = false;
    button.disabled = false;
  }

  function empty() {
    for (const input of fields) input.value = "";
    conceal();
    checklist();
  }

  // --- show and hide -------------------------------------------------------------------------------------

  const shows = form.querySelectorAll("[data-show]");

  function reveal(show, on) {
    byId(show.dataset.show).type = on ? "text" : "password";
    show.querySelector("span").textContent = on ? words.hide : words.show;
    show.setAttribute("aria-label", on ? words.hideLong : words.showLong);
  }

  function conceal() {
    for (const show of shows) reveal(show, false);
  }

  for (const show of shows) {
    show.addEventListener("click", () => reveal(show, byId(show.dataset.show).type === "password"));
  }
  field.addEventListener("input", checklist);
  form.addEventListener("submit", submit);
  addEventListener("pagehide", empty);
  addEventListener("pageshow", (event) => event.persisted && location.reload()); // where it stands, the server knows

  // --- time ----------------------------------------------------------------------------------------------

  const time = byId("time");
  const more = time.querySelector("button");
  const offer = time.querySelector("p");
  const ahead = 120; // seconds before the end at which more time is offered
  let warn = 0;
  let over = 0;

  // watch counts silently; it speaks once, two minutes before the end, and reloads when the page is over.
  function watch(seconds) {
    clearTimeout(warn);
    clearTimeout(over);
    offer.hidden = true;
    if (!seconds) return;
    warn = setTimeout(() => (offer.hidden = false), Math.max(0, seconds - ahead) * 1000);
    over = setTimeout(() => location.reload(), (seconds + 1) * 1000);
  }

  async function extend() {
    try {
      const answer = await fetch(time.dataset.extend, { method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams({ flow: form.elements.flow.value }) });
      const { seconds, redirect } = await answer.json();
      if (seconds) watch(seconds);
      else if (redirect) location.assign(redirect);
    } catch {
      // The offer stays where it is: pressing again tries again.
    }
  }

  more.addEventListener("click", extend);
  watch(Number(time.dataset.seconds));

  if (!globalThis.crypto?.subtle || !globalThis.homewardSeal) return; // the note stays, the button too
  conceal();
  for (const show of shows) show.hidden = false;
  byId("no-script").hidden = true;
  ready();
})();
