// Counts the seconds down until a new code may be asked for, then gives the button free. The sentence is no
// live region: timers are never read aloud.
"use strict";
(() => {
  const wait = document.getElementById("resend-wait");
  const button = document.getElementById("resend");
  if (!wait || !button) return;
  const words = wait.dataset;
  const forms = JSON.parse(words.forms);
  const plural = new Intl.PluralRules(document.documentElement.lang);
  const end = Date.now() + Number(words.seconds) * 1000;
  const timer = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) {
      clearInterval(timer);
      button.disabled = false;
      button.removeAttribute("aria-describedby");
      wait.remove();
      return;
    }
    const sentence = forms[plural.select(left)] ?? forms.other;
    wait.textContent = sentence.replace("{n}", left);
  }, 1000);
})();
