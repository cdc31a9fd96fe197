// The browser's half of package internal/seal: one file, bundled with the HPKE library, so that its hash
// says everything about how a password is sealed. It keeps nothing, sends nothing and touches no page.
import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";

/** Size of an agent's public sealing key (X-Wing, KEM 0x647a). */
export const publicKeySize = 1216;

// What is sealed always has this size, so that a ciphertext tells nothing of the password's length.
const plaintextSize = 1600;
const info = new TextEncoder().encode("homeward writeback 1");

/**
 * Seals one or two secrets to an agent's key, bound to the request's header.
 * @param {Uint8Array} key the agent's public key
 * @param {Uint8Array} header canonical header, the additional authenticated data
 * @param {...string} secrets the new password; for a change the old one, then the new one
 * @returns {Promise<Uint8Array>} encapsulated key, then ciphertext
 */
export async function seal(key, header, ...secrets) {
  if (key.length !== publicKeySize) {
    throw new Error(`sealing key has ${key.length} bytes, not ${publicKeySize}`);
  }
  const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const plain = pad(secrets);
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(bytes(key));
    const sender = await suite.createSenderContext({ recipientPublicKey, info: bytes(info) });
    const sealed = await sender.seal(bytes(plain), bytes(header));
    return join(new Uint8Array(sender.enc), new Uint8Array(sealed));
  } finally {
    plain.fill(0);
  }
}

// pad writes the count, then each secret with two bytes of length, then zeros.
function pad(secrets) {
  const plain = new Uint8Array(plaintextSize);
  if (secrets.length < 1 || secrets.length > 2) {
    throw new Error(`${secrets.length} secrets, not 1 or 2`);
  }
  plain[0] = secrets.length;
  let at = 1;
  for (const secret of secrets) {
    const text = new TextEncoder().encode(secret);
    if (at + 2 + text.length > plaintextSize) {
      throw new Error("secret longer than the envelope holds");
    }
    plain[at] = text.length >> 8;
    plain[at + 1] = text.length & 0xff;
    plain.set(text, at + 2);
    at += 2 + text.length;
    text.fill(0);
  }
  return plain;
}

// bytes gives the library what it asks for: exactly these bytes as an ArrayBuffer.
function bytes(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

function join(a, b) {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
