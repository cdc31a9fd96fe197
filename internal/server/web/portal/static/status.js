// Asks once a second what happened, shows it when it changed, and follows the server to the result.
"use strict";
(() => {
  const status = document.getElementById("status");
  const spoken = document.getElementById("spoken");
  if (!status) return;
  const outcome = () => status.querySelector("[data-mark]");

  // A result is read first: focus goes to its heading, as autofocus does it on a page of its own.
  function focusResult() {
    const title = document.getElementById("result");
    if (title) title.focus();
  }

  function say() {
    if (spoken.textContent !== outcome().dataset.spoken) spoken.textContent = outcome().dataset.spoken;
  }

  // show swaps the region only when something changed, so that focus and reading position survive.
  function show(html) {
    const next = new DOMParser().parseFromString(html, "text/html").querySelector("[data-mark]");
    if (!next || next.dataset.mark === outcome().dataset.mark) return;
    const result = next.dataset.mark.split("-")[0] !== outcome().dataset.mark.split("-")[0];
    next.querySelector("[autofocus]")?.removeAttribute("autofocus"); // focus moves below, and only for a result
    status.replaceChildren(document.importNode(next, true));
    document.dispatchEvent(new Event("homeward:swapped"));
    say();
    if (result) {
      const name = document.title.lastIndexOf(" – ");
      document.title = document.getElementById("result").textContent + (name < 0 ? "" : document.title.slice(name));
      focusResult();
    }
  }

  async function ask() {
    const address = `${status.dataset.poll}?after=${encodeURIComponent(outcome().dataset.mark)}`;
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, cache: "no-store", redirect: "error" });
    const target = answer.headers.get("HX-Redirect");
    if (target) {
      const url = new URL(target, location.href);
      if (url.origin === location.origin) {
        location.replace(url);
        return false;
      }
    }
    if (answer.status === 200) show(await answer.text());
    return !outcome().hasAttribute("data-final");
  }

  async function poll() {
    let again = true;
    try {
      again = await ask();
    } catch {
      // The network is away for a moment. The request is not: keep asking.
    }
    if (again) setTimeout(poll, 1000);
  }

  if (!status.dataset.poll) return;
  say();
  setTimeout(poll, 1000);
})();
