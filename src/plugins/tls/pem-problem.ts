import type { SecureContextOptions } from 'node:tls';
import { describeWithType } from '../../util/describe.ts';

/** The PEM label that an option must contain (RFC 7468). */
const PEM: Readonly<Record<string, readonly [label: RegExp, expected: string]>> = {
  ca: [/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/, 'PEM certificates'],
  cert: [/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/, 'PEM certificates'],
  crl: [/-----BEGIN X509 CRL-----/, 'PEM revocation lists'],
  key: [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/, 'PEM private keys'],
};

/** Describes a value that lacks the required PEM block. Quotes nothing of the value. */
export function pemProblem(name: string, options: SecureContextOptions): string | undefined {
  const rule = Object.hasOwn(PEM, name) ? PEM[name] : undefined;
  const value: unknown = (options as Record<string, unknown>)[name];
  if (!rule || value === undefined) return undefined;
  const [label, expected] = rule;
  for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
    const text = typeof each === 'string' ? each : ArrayBuffer.isView(each) ? textOf(each) : undefined;
    if (text === undefined || label.test(text)) continue;
    const got = typeof each === 'string' ? describeWithType(each) : `${text.length} bytes`;
    const found = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(text)?.[1];
    return found === undefined
      ? `expected \`${name}\` to hold ${expected}, got ${got} without a PEM block; give the contents of the file, not its path, and PEM, not DER`
      : `expected \`${name}\` to hold ${expected}, got PEM of another kind: ${found}`;
  }
  return undefined;
}

function textOf({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}
