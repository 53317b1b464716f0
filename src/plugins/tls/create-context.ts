import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { describeWithType } from '../../util/describe.ts';
import { ownOptions } from '../../util/own-options.ts';
import { opensslReason } from './openssl-reason.ts';
import { pemProblem } from './pem-problem.ts';
import type { ContextSource } from './tls-options.ts';

/**
 * Creates a secure context from a context of Node, which is returned unchanged, or from options.
 *
 * @param base the options that `source` may override.
 * @param secureOptions OpenSSL options that the context must have. If set, a context of Node is refused, because its options cannot
 *   be read.
 * @throws TypeError that names the option, and quotes no value.
 */
export function createContext(
  caller: string,
  base: SecureContextOptions,
  source: ContextSource | undefined,
  secureOptions: number,
): SecureContext {
  const given: unknown = source ?? {};
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`${caller}: expected \`secureContext\` to be a context of Node or its options, got ${describeWithType(given)}`);
  if (Object.hasOwn(given, 'context')) {
    if (secureOptions === 0) return given as SecureContext;
    throw new TypeError(`${caller}: expected \`secureContext\` to be options beside \`pskCallback\`, got a context of Node`);
  }
  // Without a prototype, because Node would inherit options from it.
  const options = ownOptions<SecureContextOptions>({ ...base, ...given }, caller);
  if (secureOptions !== 0) options.secureOptions = (options.secureOptions ?? 0) | secureOptions;
  if ((options.key === undefined) !== (options.cert === undefined) && options.privateKeyEngine === undefined) {
    const [expected, got] = options.cert === undefined ? ['cert', 'key'] : ['key', 'cert'];
    throw new TypeError(`${caller}: expected \`key\` and \`cert\` together, got \`${got}\` without \`${expected}\``);
  }
  // Node treats a `ca` without a certificate as one that trusts no authority.
  const problem = pemProblem('ca', options);
  if (problem !== undefined) throw new TypeError(`${caller}: ${problem}`);
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw new TypeError(`${caller}: ${contextProblem(cause, options)}`, isOpensslError(cause) ? { cause } : undefined);
  }
}

/** Node's own errors quote the invalid value, which may be a misplaced key. Those of OpenSSL never do. */
function isOpensslError(error: unknown): error is Error {
  return error instanceof Error && !/^ERR_(INVALID|TLS|MISSING)_/.test((error as NodeJS.ErrnoException).code ?? '');
}

/** Describes why Node or OpenSSL refuses the options. */
function contextProblem(error: unknown, options: SecureContextOptions): string {
  const why = isOpensslError(error) ? opensslReason(error.message) : 'a value that Node refuses';
  const name = invalidOption(why, options);
  if (name === undefined) return `expected options that OpenSSL can use, got ${why}`;
  return pemProblem(name, options) ?? `expected \`${name}\` that OpenSSL can use, got ${why}`;
}

/** Returns the option that the OpenSSL message refers to. */
function invalidOption(why: string, options: SecureContextOptions): string | undefined {
  if (/passphrase|decrypt|mac verify|interrupted or cancelled/i.test(why)) return 'passphrase';
  return ['pfx', 'ca', 'crl', 'cert', 'key', 'ciphers', 'sigalgs', 'ecdhCurve', 'minVersion', 'maxVersion'].find((name) => {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined) return false;
    try {
      createSecureContext(ownOptions({ [name]: value, passphrase: options.passphrase }, name));
      return false;
    } catch {
      return true;
    }
  });
}
