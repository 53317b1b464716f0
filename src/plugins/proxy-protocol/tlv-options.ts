import { encoded, encodeNamed, MAX_VALUE, SSL_TLVS, TLVS, type TlvTable } from '../../protocol/proxy-protocol-named.ts';
import type { ProxyTlvs } from '../../protocol/proxy-protocol-types.ts';
import { checkOptions, type OptionSet, type Rule, type Rules } from '../../util/check-options.ts';
import { describeNumber } from '../../util/describe.ts';
import { isBoolean, isCount, isObject } from '../../util/value-tests.ts';

/** The maximum length of all TLVs: the length of a header, without the longest addresses and a checksum. */
const MAX_TLVS = 65535 - 2 * 108 - 7;

const WORDS = { ascii: 'a string of ASCII', utf8: 'a string', latin1: 'a string whose characters are bytes', bytes: 'a Uint8Array' };
const MAX_CHARACTER = { ascii: 0x7f, utf8: Infinity, latin1: 0xff };

const OTHERS: Rule = ['a list of { type, value }', (value) => Array.isArray(value)];
const caller = 'sendProxyProtocol';
const ON_TLVS: OptionSet = {
  caller,
  prefix: 'tlvs.',
  rules: {
    ...rulesOf(TLVS),
    ssl: ['an object', isObject],
    crc32c: ['a boolean', isBoolean],
    noop: [`an integer from 0 to ${MAX_VALUE}`, (value) => isCount(value) && value <= MAX_VALUE, describeNumber],
    others: OTHERS,
  },
};
const ON_SSL: OptionSet = {
  caller,
  prefix: 'tlvs.ssl.',
  rules: {
    ...rulesOf(SSL_TLVS),
    ...Object.fromEntries(
      ['isTls', 'hasCertificate', 'hasSessionCertificate', 'isVerified'].map((name) => [name, ['a boolean', isBoolean] as const]),
    ),
    verify: ['an integer from 0 to 4294967295', (value) => isCount(value) && value <= 0xffffffff, describeNumber],
    others: OTHERS,
  },
};
const ON_OTHER: OptionSet = {
  caller,
  rules: {
    type: ['an integer from 0 to 255 other than 3, which is `crc32c`', isOtherType, describeNumber],
    value: [`a Uint8Array of at most ${MAX_VALUE} bytes`, (value) => value instanceof Uint8Array && value.length <= MAX_VALUE],
  },
  required: ['type', 'value'],
};

function isOtherType(value: unknown): boolean {
  return isCount(value) && value <= 255 && value !== 3;
}

/**
 * Checks TLVs and encodes them, without the checksum.
 *
 * @returns the bytes, and whether a checksum is asked for.
 * @throws TypeError that names the field.
 */
export function checkedTlvs(tlvs: ProxyTlvs): { readonly bytes: Uint8Array; readonly hasCrc: boolean } {
  const { ssl, crc32c = false, ...own } = checkOptions(tlvs, ON_TLVS);
  const secured = ssl && checkOptions(ssl, ON_SSL);
  for (const [name, list] of [
    ['tlvs.others', own.others],
    ['tlvs.ssl.others', secured?.others],
  ] as const)
    list?.forEach((each, at) => checkOptions(each, { ...ON_OTHER, prefix: `${name}[${at}].` }));
  const bytes = encodeNamed({ ...own, ssl: secured });
  if (bytes.length <= MAX_TLVS) return { bytes, hasCrc: crc32c };
  throw new TypeError(`expected \`tlvs\` of ${caller} to be at most ${MAX_TLVS} bytes, got ${bytes.length}`);
}

function rulesOf(table: TlvTable): Rules {
  return Object.fromEntries(
    Object.entries(table).map(([name, [, format, limit = MAX_VALUE]]): [string, Rule] => {
      const isRight = (value: unknown): boolean => {
        if (format === 'bytes') return value instanceof Uint8Array && value.length <= limit;
        if (typeof value !== 'string' || encoded(value, format).length > limit) return false;
        return Array.from({ length: value.length }, (_, at) => value.charCodeAt(at)).every((code) => code <= MAX_CHARACTER[format]);
      };
      return [name, [`${WORDS[format]} of at most ${limit} bytes`, isRight]];
    }),
  );
}
