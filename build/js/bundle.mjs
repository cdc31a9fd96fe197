// Bundles seal.js and the HPKE library into the one script the portal serves, and records its hash.
// Run by hand after a version changes (npm ci && npm run bundle); the result is committed.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const out = new URL("../../internal/server/web/portal/static/hpke.js", import.meta.url);
const licence = (name) =>
  readFileSync(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8").trim();
const version = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version;

const parts = ["@hpke/core", "@hpke/common", "@hpke/hybridkem-x-wing", "@hpke/dhkem-x25519", "mlkem"];
const names = parts.map((name) => `${name} ${version(name)}`).join(", ");
const texts = [...new Set(parts.map(licence))].join("\n\n");
const banner = `/*!\nHomeward browser sealing. Contains ${names}.\n\n${texts.replaceAll("*/", "* /")}\n*/`;

await build({
  entryPoints: [new URL("seal.js", import.meta.url).pathname],
  outfile: out.pathname,
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "homewardSeal",
  target: ["es2022"],
  legalComments: "none",
  banner: { js: banner },
});

const hash = createHash("sha256").update(readFileSync(out)).digest("hex");
writeFileSync(new URL("hpke.js.sha256", out), `${hash}  hpke.js\n`);
