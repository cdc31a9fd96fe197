// Adds the Copy button to a support code. Without it the code is selectable.
"use strict";
(() => {
  function offer(button) {
    const code = document.getElementById(button.dataset.copy);
    if (!code || !navigator.clipboard) return;
    const spoken = button.parentElement.querySelector("[data-copied]");
    const label = button.querySelector("span");
    const name = label.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        getSelection().selectAllChildren(code); // not allowed: leave it selected, ready to copy by hand
        return;
      }
      label.textContent = button.dataset.done;
      spoken.textContent = button.dataset.done;
      setTimeout(() => {
        label.textContent = name;
        spoken.textContent = "";
      }, 3000);
    });
  }

  const offerAll = () => document.querySelectorAll("button[data-copy][hidden]").forEach(offer);
  document.addEventListener("homeward:swapped", offerAll);
  offerAll();
})();
