// Judges a password by the organisation's list of banned words, exactly as the agent's package banned does: see there for
// the rules. Both are held to internal/banned/testdata/cases.json.
"use strict";
globalThis.homewardBanned = (() => {
  const substituted = { 0: "o", 1: "l", 3: "e", 4: "a", "@": "a", 5: "s", $: "s", 7: "t", "!": "i" };
  const enough = 5; // points that let a password pass

  // Characters are code points. Each is lowered by itself: the context rules of toLowerCase are nobody else's.
  const fold = (text) => Array.from(text, (c) => {
    const lower = Array.from(c.toLowerCase())[0];
    return substituted[lower] ?? lower;
  });
  const same = (a, b) => a.length === b.length && a.every((c, i) => c === b[i]);

  // near: at most one character is another, too many or missing.
  function near(a, b) {
    if (a.length < b.length) [a, b] = [b, a];
    if (a.length - b.length > 1) return false;
    let i = 0;
    while (i < b.length && a[i] === b[i]) i++;
    return a.length === b.length ? i === b.length || same(a.slice(i + 1), b.slice(i + 1)) : same(a.slice(i + 1), b.slice(i));
  }

  // list folds words once; find returns the folded word that bans a password, or nothing.
  function list(words) {
    const folded = [...new Set(words.map((w) => fold(w.trim()).join("")))].filter(Boolean).sort(byCodePoint).map((w) => Array.from(w));
    folded.sort((a, b) => b.length - a.length); // stable: the longest first, then in order
    return folded;
  }

  function byCodePoint(a, b) {
    const x = Array.from(a, (c) => c.codePointAt(0));
    const y = Array.from(b, (c) => c.codePointAt(0));
    for (let i = 0; i < x.length && i < y.length; i++) if (x[i] !== y[i]) return x[i] - y[i];
    return x.length - y.length;
  }

  function find(password, folded) {
    const text = fold(password);
    const close = folded.find((word) => near(text, word));
    if (close) return close.join("");
    let first = "";
    let points = 0;
    for (let i = 0; i < text.length; points++) {
      const word = folded.find((w) => w.length <= text.length - i && same(text.slice(i, i + w.length), w));
      if (word && !first) first = word.join("");
      i += word ? word.length : 1;
    }
    return first && points < enough ? first : "";
  }

  return { list, find };
})();
