// Keeps a page true: asks every 5 seconds, so that a change shows within 15 seconds on slow machines too, and swaps only what has changed, so that focus and reading position
// survive. What only says how long ago something was (data-tick) is written over in place: it moves no focus and is never spoken. Adds Copy buttons. Without it a reload does the same.
"use strict";
(() => {
  const every = 5000;
  const soon = 1000; // while something is going on that takes seconds
  const poll = document.body.dataset.poll;
  const live = () => document.querySelectorAll("[data-live][id]");
  // What a part says, but for how long ago.
  const said = (e) => {
    const copy = e.cloneNode(true);
    copy.querySelectorAll("[data-tick]").forEach((tick) => tick.replaceChildren());
    return copy.outerHTML;
  };
  const last = new Map(Array.from(live(), (e) => [e.id, said(e)]));

  // A form that somebody has begun to change is left alone until it is sent.
  const changed = (e) => Array.from(e.querySelectorAll("input[type=checkbox]")).some((box) => box.checked !== box.defaultChecked);

  function swap(now, next) {
    const focus = now.contains(document.activeElement) ? document.activeElement.id : "";
    const open = document.importNode(next, true);
    now.replaceWith(open);
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
    enhance(open);
    if (next.dataset.spoken && next.dataset.spoken !== now.dataset.spoken) {
      document.getElementById("spoken").textContent = next.dataset.spoken;
    }
  }

  async function refresh() {
    const answer = await fetch(poll, { headers: { "Homeward-Refresh": "1" }, cache: "no-store", redirect: "error" });
    if (answer.status === 401) {
      location.assign(poll); // the session is over: the server asks to sign in
      return false;
    }
    if (answer.status !== 200) return true;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const now of live()) {
      const next = page.getElementById(now.id);
      if (!next || said(next) === last.get(now.id) || (now.hasAttribute("data-form") && changed(now))) continue;
      last.set(now.id, said(next));
      swap(now, next);
    }
    for (const tick of document.querySelectorAll("[data-tick][id]")) {
      const text = page.getElementById(tick.id)?.textContent;
      if (text !== undefined && text !== tick.textContent) tick.textContent = text;
    }
    return true;
  }

  async function again() {
    let more = true;
    try {
      more = await refresh();
    } catch {
      // The network is away for a moment: ask again.
    }
    if (more) setTimeout(again, document.querySelector("[data-soon]") ? soon : every);
  }

  // A switch that can't be turned stays where it is, but can be focused and says why.
  function hold(box) {
    box.addEventListener("click", (event) => event.preventDefault());
  }

  function offerCopy(code) {
    const words = document.body.dataset;
    if (!navigator.clipboard || code.parentElement.querySelector("button")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = words.copy;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        getSelection().selectAllChildren(code); // not allowed: leave it selected, ready to copy by hand
        return;
      }
      button.textContent = words.copied;
      setTimeout(() => { button.textContent = words.copy; }, 3000);
    });
    code.after(button);
  }

  function enhance(part) {
    part.querySelectorAll("input[aria-disabled=true]").forEach(hold);
    part.querySelectorAll(".command code").forEach(offerCopy);
  }

  enhance(document);
  if (poll && live().length > 0) setTimeout(again, document.querySelector("[data-soon]") ? soon : every);
})();
