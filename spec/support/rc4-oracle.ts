import { execFileSync } from 'node:child_process';

/** The key and the bytes for OpenSSL. */
export interface Rc4Question {
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const PROGRAM = `
  const { createCipheriv } = require('node:crypto');
  const questions = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  const answer = ([key, bytes]) => createCipheriv('rc4', Buffer.from(key, 'base64'), null).update(bytes, 'base64').toString('base64');
  process.stdout.write(JSON.stringify(questions.map(answer)));
`;

/** Encrypts with OpenSSL's RC4, for keys of 1 to 256 bytes. Needs the legacy provider, and therefore a separate process. */
export function rc4Oracle(questions: readonly Rc4Question[]): Buffer[] {
  const input = JSON.stringify(questions.map(({ key, bytes }) => [text(key), text(bytes)]));
  const output = execFileSync(process.execPath, ['--openssl-legacy-provider', '-e', PROGRAM], {
    input,
    maxBuffer: 2 ** 30,
    encoding: 'utf8',
  });
  return (JSON.parse(output) as string[]).map((each) => Buffer.from(each, 'base64'));
}
