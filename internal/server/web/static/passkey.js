// Asks the browser for a passkey, or to make one, and sends what it answers. Without this script the page offers other ways.
"use strict";
(() => {
  const form = document.getElementById("passkey");
  const button = document.getElementById("use");
  if (!form || !button || !window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    buffer ? btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") : undefined;
  const known = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  function options() {
    const o = JSON.parse(form.dataset.options);
    o.challenge = bytes(o.challenge);
    if ("create" in form.dataset) {
      o.user.id = bytes(o.user.id);
      o.excludeCredentials = known(o.excludeCredentials);
    } else {
      o.allowCredentials = known(o.allowCredentials);
    }
    return o;
  }

  function answer(c) {
    const r = c.response;
    return JSON.stringify({
      id: c.id,
      rawId: text(c.rawId),
      type: c.type,
      authenticatorAttachment: c.authenticatorAttachment || undefined,
      clientExtensionResults: c.getClientExtensionResults(),
      response: {
        clientDataJSON: text(r.clientDataJSON),
        attestationObject: text(r.attestationObject),
        transports: r.getTransports ? r.getTransports() : undefined,
        authenticatorData: r.attestationObject ? undefined : text(r.authenticatorData),
        signature: text(r.signature),
        userHandle: text(r.userHandle),
      },
    });
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const make = "create" in form.dataset;
      const request = { publicKey: options() };
      form.elements.code.value = answer(await (make ? navigator.credentials.create(request) : navigator.credentials.get(request)));
    } catch {
      form.elements.code.value = ""; // stopped, timed out, none there: the page says so
    }
    form.submit();
  });
  document.getElementById("no-script").hidden = true;
  button.disabled = false;
  addEventListener("pageshow", () => {
    button.disabled = false;
  });
})();
