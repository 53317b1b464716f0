// SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides: neither sends the password.
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

const MAX_ITERATIONS = 1_000_000;

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const xor = (one: Buffer, other: Buffer): Buffer => Buffer.from(one.map((byte, at) => byte ^ (other[at] ?? 0)));

/** Returns the attributes of a message by name: `r=…,s=…,i=4096`. */
function attributes(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

/** The client: its first message, its proof, and the check of the server. */
export interface ScramClient {
  readonly first: string;
  proof(serverFirst: string): string;
  verify(serverFinal: string): void;
}

export function scramClient(password: string): ScramClient {
  const nonce = randomBytes(18).toString('base64');
  const bare = `n=,r=${nonce}`;
  let serverSignature: Buffer = Buffer.alloc(0);
  return {
    first: `n,,${bare}`,
    proof(serverFirst) {
      const { r = '', s = '', i = '' } = attributes(serverFirst);
      const iterations = Number(i);
      if (!r.startsWith(nonce) || r === nonce) throw new Error('expected a nonce of the server behind ours, got another one');
      if (!(iterations >= 1 && iterations <= MAX_ITERATIONS)) throw new Error(`expected 1 to ${MAX_ITERATIONS} iterations, got ${i}`);
      const keys = keysOf(password, Buffer.from(s, 'base64'), iterations);
      const withoutProof = `c=biws,r=${r}`;
      const all = `${bare},${serverFirst},${withoutProof}`;
      serverSignature = hmac(keys.server, all);
      return `${withoutProof},p=${xor(keys.client, hmac(keys.stored, all)).toString('base64')}`;
    },
    verify(serverFinal) {
      const given = Buffer.from(attributes(serverFinal).v ?? '', 'base64');
      if (given.length !== serverSignature.length || !timingSafeEqual(given, serverSignature))
        throw new Error('expected the server to prove that it knows the password, it could not');
    },
  };
}

/** The server: its first message, and its final one, or undefined for a wrong password. */
export function scramServer(password: string, clientFirst: string): { first: string; final(proof: string): string | undefined } {
  const bare = clientFirst.slice('n,,'.length);
  const salt = randomBytes(16);
  const nonce = `${attributes(bare).r ?? ''}${randomBytes(18).toString('base64')}`;
  const first = `r=${nonce},s=${salt.toString('base64')},i=4096`;
  const keys = keysOf(password, salt, 4096);
  return {
    first,
    final(proof) {
      const at = proof.lastIndexOf(',p=');
      const all = `${bare},${first},${proof.slice(0, at)}`;
      const clientKey = xor(Buffer.from(proof.slice(at + 3), 'base64'), hmac(keys.stored, all));
      const isRight = sha256(clientKey).equals(keys.stored) && attributes(proof).r === nonce;
      return isRight ? `v=${hmac(keys.server, all).toString('base64')}` : undefined;
    },
  };
}

function keysOf(password: string, salt: Buffer, iterations: number): { client: Buffer; stored: Buffer; server: Buffer } {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const client = hmac(salted, 'Client Key');
  return { client, stored: sha256(client), server: hmac(salted, 'Server Key') };
}
