import { isIP } from 'node:net';
import { afterAll, describe, expect } from 'vitest';
import type { ConnectState } from '../../src/protocol/connect-request.ts';
import { readBody } from '../../src/protocol/http-body.ts';
import { parseChallenges } from '../../src/protocol/http-challenge.ts';
import { httpConnect } from '../../src/protocol/http-connect.ts';
import { basic, fieldsOf } from '../../src/protocol/http-fields.ts';
import { HEAD_LIMIT, readHead } from '../../src/protocol/http-head.ts';
import { parseIp, formatIp } from '../../src/protocol/ip-address.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { readProxyHeader } from '../../src/protocol/proxy-protocol.ts';
import { Secrets } from '../../src/protocol/secrets.ts';
import { socks4Connect } from '../../src/protocol/socks4.ts';
import { socks5Connect } from '../../src/protocol/socks5.ts';
import { runConversation } from '../support/run-conversation.ts';
import { counted, fuzzes, type Verdict } from './fuzz.ts';

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Runs a conversation with chunks, then the end of the peer. */
function verdictOf<T>(talk: (link: Link) => Talk<T>, chunks: readonly Uint8Array[]): Verdict {
  const { result, unread, isWaiting, ...failure } = runConversation(talk, chunks, { end: true });
  if ('error' in failure) return { error: failure.error };
  if (isWaiting) return { error: new Error('the conversation continues after the end') };
  return { value: result, consumed: chunks.reduce((sum, { length }) => sum + length, 0) - unread.length };
}

const HEADS = [
  'HTTP/1.1 200 OK\r\n\r\n',
  'HTTP/1.0 200 Connection established\r\nVia: 1.1 p\r\nX-A:\t b \r\n\r\npayload',
  'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 3\r\n\r\nwhyHTTP/1.1 200\r\n\r\n',
  'HTTP/1.1 403 \r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: r\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\n\r\n',
  'HTTP/1.1 100\n\nHTTP/1.1 204 No\nA: 1\nA: 2\n\n',
  'HTTP/1.1 200 OK\r\nVia: 1.1 a\r\n (b)\r\n\t\r\nX:\r\n y\r\n\r\n',
  'HTTP/1.0 407 Who\r\nProxy-Connection: keep-alive\r\nContent-Length: 3\r\n\r\nwhyHTTP/1.1 200\r\n\r\n',
  'HTTP/1.1 502 \xe9\xff\r\nConnection: close, x\r\nContent-Length: 2, 2\r\n\r\nno',
];
/** RFC 9112 sections 4 and 5, with lines that may end with LF alone, and folds. */
const HEAD =
  /^HTTP\/1\.\d[ \t]+[1-9]\d\d(?:[ \t][\t\x20-\x7e\x80-\xff]*)?\r?\n(?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*\r?\n(?:[ \t][\t\x20-\x7e\x80-\xff]*\r?\n)*)*\r?\n/;

function sameAsHead(input: Uint8Array, { error, consumed }: Verdict): void {
  const found = HEAD.exec(latin(input.subarray(0, HEAD_LIMIT)))?.[0];
  expect(consumed, `the grammar finds a head of ${found?.length} bytes, the parser ${consumed} (${String(error)})`).toBe(found?.length);
}

const PROXY_HEADERS = [
  'PROXY TCP4 203.0.113.7 198.51.100.1 51234 443\r\nhello',
  'PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n',
  'PROXY UNKNOWN ffff::1 x\r\n',
  '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x02\0\x04host',
  '\r\n\r\n\0\r\nQUIT\n\x21\0\0\x0b\x20\0\x08\x03\0\0\0\0\x22\0\0',
  '\r\n\r\n\0\r\nQUIT\n\x20\0\0\x07\x03\0\x04\xa9\xb8\x7e\x8f',
];
/** Section 2.1, with ports and addresses of any digits. */
const PROXY_LINE = /^PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP4(?: [\d.]+){2}(?: \d+){2}|TCP6(?: [\da-f:.]+){2}(?: \d+){2})\r\n/i;

/** Sections 2.1 and 2.2: the length of an accepted header. */
function sameAsProxyHeader(input: Uint8Array, { error, consumed }: Verdict): void {
  if (error !== undefined) return;
  const isV2 = input[0] === 0x0d;
  const length = isV2 ? 16 + ((input[14]! << 8) | input[15]!) : PROXY_LINE.exec(latin(input))?.[0].length;
  expect(consumed).toBe(length);
}

const state = (): ConnectState => {
  const secrets = new Secrets();
  secrets.addAuthorization('Basic c2VjcmV0');
  const counts = { attempt: 0, challenges: 0, connections: 0 };
  return { authorization: 'Basic c2VjcmV0', isAsking: false, ...counts, secrets, startBodyTimeout: () => () => {} };
};
const request = { authority: 'target.test:443', headers: [] };

describe('the parsers of proxy replies', () => {
  afterAll(() => console.log(`fuzzed parsers: ${counted.inputs} inputs`));

  fuzzes({
    name: 'PROXY header',
    samples: PROXY_HEADERS,
    inputs: 15_000,
    vague: true,
    run: (chunks) => verdictOf((link) => readProxyHeader(link, { limit: 16_384, isOptional: false }), chunks),
    oracle: sameAsProxyHeader,
  });
  fuzzes({ name: 'http head', samples: HEADS, inputs: 25_000, run: (chunks) => verdictOf(readHead, chunks), oracle: sameAsHead });

  fuzzes({
    name: 'http body',
    samples: HEADS,
    inputs: 15_000,
    run: (chunks) =>
      verdictOf(function* (link: Link): Talk<unknown> {
        const head = yield* readHead(link);
        return yield* readBody(link, head, { skip: true });
      }, chunks),
  });

  fuzzes({
    name: 'http chunks',
    samples: ['3\r\nabc\r\n0\r\n\r\nrest', 'a;q="x"\r\n0123456789\r\n1 \r\nx\r\n00\r\nA: b\r\n\r\n', 'ffffffff\r\n', '0\n\n'],
    inputs: 20_000,
    run: (chunks) =>
      verdictOf(
        (link) => readBody(link, { minor: 1, status: 200, reason: '', headers: { 'transfer-encoding': 'chunked' } }, { skip: true }),
        chunks,
      ),
  });

  fuzzes({
    name: 'http connect',
    samples: HEADS,
    inputs: 15_000,
    run: (chunks) => verdictOf((link) => httpConnect(link, request, state()), chunks),
    oracle: (_input, { value, error }) => {
      if (value !== undefined) expect(String((value as { status: number }).status)).toMatch(/^2\d\d$/);
      expect(`${JSON.stringify(value)} ${String(error)} ${JSON.stringify(error)}`, 'the secret leaks').not.toMatch(/c2VjcmV0/);
    },
  });

  fuzzes({
    name: 'http connect with auth',
    samples: HEADS,
    inputs: 15_000,
    run: (chunks) => verdictOf((link) => httpConnect(link, { ...request, auth: () => undefined as never }, state()), chunks),
  });

  fuzzes({
    name: 'http challenges',
    samples: ['Basic realm="r"', 'Digest nonce=abc, qop="a,\\"b", Negotiate YII=, NTLM', ', ,a b=c ,,d', 'Basic', 'x=y, =, "'],
    inputs: 90_000,
    cuts: false,
    run: ([input = new Uint8Array()]) => ({ value: parseChallenges(latin(input)), consumed: input.length }),
    oracle: (input, { value }) => {
      for (const { scheme, params } of value as ReturnType<typeof parseChallenges>) {
        expect(scheme).toMatch(/^[\w!#$%&'*+.^`|~-]+$/);
        expect(latin(input).includes(scheme)).toBe(true);
        for (const name of Object.keys(params)) expect(name).toMatch(/^[\w!#$%&'*+.^`|~-]+$/);
      }
    },
  });

  fuzzes({
    name: 'http fields',
    samples: ['X-A: b', 'Host: x', 'a:b', ': ', 'Content-Length: 3', 'X-\xc3\xa9: \xc3\xa9', 'A: b\r\nC: d', 'user:pass', '\0:\x7f'],
    inputs: 35_000,
    cuts: false,
    run: ([input = new Uint8Array()]) => {
      const [name = '', value = ''] = text(input).split(': ');
      // Invalid arguments of the user: a TypeError without the value.
      const checked = <T>(work: () => T): T | string => {
        try {
          return work();
        } catch (error) {
          expect((error as Error).constructor).toBe(TypeError);
          return 'refused';
        }
      };
      return { value: [checked(() => fieldsOf([[name, value]])), checked(() => basic(name, value))], consumed: input.length };
    },
    oracle: (_input, { value }) => {
      const [fields, credentials] = value as [ReturnType<typeof fieldsOf> | string, string];
      if (typeof fields !== 'string') for (const [name, each] of fields) expect(`${name}: ${each}`).not.toMatch(/[\0\r\n\x7f]/);
      expect(credentials).toMatch(/^(?:Basic [\w+/]*=*|refused)$/);
    },
  });

  fuzzes({
    name: 'socks4',
    samples: [
      Uint8Array.of(0, 90, 1, 2, 3, 4, 5, 6),
      Uint8Array.of(0, 90, 0, 0, 0, 0, 0, 0, 104, 105),
      Uint8Array.of(0, 91, 0, 0, 0, 0, 0, 0),
    ],
    inputs: 35_000,
    run: (chunks) => verdictOf((link) => socks4Connect(link, { host: 'target.test', port: 443 }, Uint8Array.of(109)), chunks),
    oracle: (input, { value, consumed }) => {
      const granted = input.length >= 8 && input[0] === 0 && input[1] === 90;
      expect(value !== undefined).toBe(granted);
      if (granted)
        expect([consumed, value]).toStrictEqual([
          8,
          { boundPort: ((input[2] ?? 0) << 8) | (input[3] ?? 0), boundAddress: input.subarray(4, 8).join('.') },
        ]);
    },
  });

  const v4 = [5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 4, 56];
  const name = [5, 0, 5, 0, 0, 3, 4, 110, 97, 109, 101, 0, 80, 104, 105];
  const v6 = [5, 2, 1, 0, 5, 0, 0, 4, ...Array<number>(15).fill(0), 1, 0, 80];
  fuzzes({
    name: 'socks5',
    samples: [v4, name, v6, [5, 0xff], [5, 2, 1, 1], [5, 0, 5, 8, 0, 1]].map((each) => Uint8Array.from(each)),
    inputs: 30_000,
    run: (chunks) => {
      const credentials = { user: Uint8Array.of(117), pass: Uint8Array.of(112) };
      return verdictOf((link) => socks5Connect(link, { host: 'target.test', port: 443 }, credentials), chunks);
    },
    oracle: (input, { value, consumed }) => {
      // RFC 1928 section 6, RFC 1929: the accepted replies.
      const start = input[1] === 2 ? 4 : 2;
      const [version, reply, , type, length = 0] = input.subarray(start);
      const address = { 1: 4, 3: length + 1, 4: 16 }[type ?? 0];
      const welcome = input[0] === 5 && (input[1] === 0 || (input[1] === 2 && (input[2] === 1 || input[2] === 5) && input[3] === 0));
      const whole = address !== undefined && input.length >= start + 4 + address + 2;
      expect(value !== undefined).toBe(welcome && version === 5 && reply === 0 && whole);
      if (value !== undefined) expect(consumed).toBe(start + 4 + (address ?? 0) + 2);
    },
  });

  fuzzes({
    name: 'ip addresses',
    samples: [
      '127.0.0.1',
      '255.255.255.256',
      '::1',
      '2001:db8::ff00:42:8329',
      '::ffff:1.2.3.4',
      '1:2:3:4:5:6:7:8',
      'fe80::1%eth0',
      '::',
      '01.2.3.4',
      '1::2::3',
      'host.test',
    ],
    inputs: 80_000,
    cuts: false,
    run: ([input = new Uint8Array()]) => ({ value: parseIp(latin(input)), consumed: input.length }),
    oracle: (input, { value }) => {
      const given = latin(input);
      const zone = given.includes('%');
      const bytes = value as Uint8Array | undefined;
      expect(bytes?.length, given).toBe(zone ? undefined : { 0: undefined, 4: 4, 6: 16 }[isIP(given)]);
      if (!bytes) return;
      expect(isIP(formatIp(bytes))).toBe(bytes.length === 4 ? 4 : 6);
      expect(parseIp(formatIp(bytes))).toStrictEqual(bytes);
    },
  });
});
