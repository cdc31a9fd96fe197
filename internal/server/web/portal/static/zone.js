// Says which time zone times are to be told in. Without it they are told in the organisation's.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = "__Host-homeward-zone=" + zone + "; Path=/; Secure; SameSite=Lax";
})();
