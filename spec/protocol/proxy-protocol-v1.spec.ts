import { describe, expect, it } from 'vitest';
import { encodeV1 } from '../../src/protocol/proxy-protocol-v1.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { readFrom } from './proxy-protocol-tools.ts';

const latin = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const read = (text: string): ReturnType<typeof readFrom> => readFrom([latin(text)]);
const message = (text: string): string => (read(text).error as Error | undefined)?.message ?? 'no error';

const client = { address: '192.168.0.1', port: 56324 };
const destination = { address: '192.168.0.11', port: 443 };
const V4 = 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n';
const LONGEST = `PROXY UNKNOWN ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`;

describe('a header of version 1', () => {
  it.each([
    [V4, { transport: 'TCP4', client, destination }],
    [
      'PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n',
      { transport: 'TCP4', client: { address: '255.255.255.255', port: 65535 }, destination: { address: '0.0.0.0', port: 0 } },
    ],
    [
      'PROXY TCP6 2001:DB8::1 ::ffff:192.0.2.1 1 2\r\n',
      { transport: 'TCP6', client: { address: '2001:db8::1', port: 1 }, destination: { address: '::ffff:192.0.2.1', port: 2 } },
    ],
    [
      `PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`,
      {
        transport: 'TCP6',
        client: { address: `${'ffff:'.repeat(7)}ffff`, port: 65535 },
        destination: { address: `${'ffff:'.repeat(7)}ffff`, port: 65535 },
      },
    ],
    ['PROXY UNKNOWN\r\n', { transport: 'UNKNOWN' }],
    ['PROXY UNKNOWN \xff\0 x  y\r\n', { transport: 'UNKNOWN' }],
    [LONGEST, { transport: 'UNKNOWN' }],
  ])('is read: %j', (text, header) => {
    expect(read(text)).toEqual({ output: [], unread: '', result: { version: 1, command: 'PROXY', ...header } });
  });

  it('is read at every cut, and leaves the bytes that follow', () => {
    for (const { name, chunks } of rechunk(latin(`${V4}\r\nPROXY`), { empty: true, random: 100 }))
      expect(readFrom(chunks), name).toMatchObject({ result: { client, destination }, unread: '0d0a50524f5859' });
  });

  it('reports an end at each byte', () => {
    for (let length = 0; length < V4.length; length += 1) {
      const where = length === 0 ? 'before the PROXY header' : `within the PROXY header (${length} bytes received)`;
      expect(read(V4.slice(0, length)).error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
      expect(message(V4.slice(0, length))).toBe(`connection closed by the peer ${where} [EPROTOCOL]`);
    }
  });

  it.each([
    ['signature', 'proxy TCP4'],
    ['signature', 'PROXY\tTCP4 1.1.1.1 1.1.1.1 1 1\r\n'],
    ['signature', 'GET / HTTP/1.1\r\n'],
    ['transport', 'PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n'],
    ['transport', 'PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n'],
    ['transport', 'PROXY tcp4 1.1.1.1 1.1.1.1 1 1\r\n'],
    ['transport', 'PROXY UNKNOWNX\r\n'],
    ['transport', 'PROXY \r\n'],
    ['line', 'PROXY TCP4\r\n'],
    ['line', 'PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n'],
    ['line', 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n'],
    ['line', 'PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n'],
    ['line', 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n'],
    ['source address', 'PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n'],
    ['source address', 'PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n'],
    ['source address', 'PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n'],
    ['source address', 'PROXY TCP4 ::1 ::1 1 1\r\n'],
    ['source address', 'PROXY TCP6 1.1.1.1 ::1 1 1\r\n'],
    ['source address', 'PROXY TCP6 1::2::3 ::1 1 1\r\n'],
    ['source address', 'PROXY TCP6 ::12345 ::1 1 1\r\n'],
    ['source address', 'PROXY TCP6 [::1] ::1 1 1\r\n'],
    ['source address', 'PROXY TCP6 fe80::1%1 ::1 1 1\r\n'],
    ['destination address', 'PROXY TCP4 1.1.1.1 1.1.1.1x 1 1\r\n'],
    ['destination address', 'PROXY TCP6 ::1 1:2:3:4:5:6:7 1 1\r\n'],
    ['source port', 'PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n'],
    ['source port', 'PROXY TCP4 1.1.1.1 1.1.1.1 080 1\r\n'],
    ['source port', 'PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n'],
    ['source port', 'PROXY TCP4 1.1.1.1 1.1.1.1 1e2 1\r\n'],
    ['destination port', 'PROXY TCP4 1.1.1.1 1.1.1.1 1 00\r\n'],
    ['destination port', 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\t\r\n'],
    ['line end', 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n'],
    ['line end', 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\rx'],
    ['line end', 'PROXY UNKNOWN\n'],
    ['line end', 'PROXY UNKNOWN\r\r\n'],
    ['line', LONGEST.replace('\r\n', 'x\r\n')],
    ['line', `PROXY ${'x'.repeat(200)}`],
  ])('is refused for its `%s`: %j', (field, text) => {
    expect(message(text)).toMatch(new RegExp(`^expected \`${field}\` of the PROXY header to be .+, got .+ \\[EPROTOCOL\\]$`));
    expect(read(text).error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake', fatal: true });
  });

  it('is refused at its first wrong byte', () => {
    const { error } = readFrom([latin('PROXX')]);
    expect((error as Error).message).toBe(
      'expected `signature` of the PROXY header to be "PROXY " or that of version 2, got "PROXX" [EPROTOCOL]',
    );
  });

  it('is refused with a hint if the peer starts TLS', () => {
    expect(message('\x16\x03\x01')).toContain('which starts TLS: the peer sends no header');
  });

  it('is written as the specification shows it', () => {
    const own = { version: 1, command: 'PROXY' } as const;
    const text = (header: Parameters<typeof encodeV1>[0]): string => Buffer.from(encodeV1(header)).toString('latin1');
    expect(text({ ...own, transport: 'TCP4', client, destination })).toBe(V4);
    expect(text({ ...own, transport: 'UNIX', client: { path: '/a' } })).toBe('PROXY UNKNOWN\r\n');
    const six = { client: { address: '2001:db8::1', port: 0 }, destination: { address: '1.2.3.4', port: 65535 } };
    expect(text({ ...own, transport: 'TCP6', ...six })).toBe('PROXY TCP6 2001:db8::1 ::ffff:102:304 0 65535\r\n');
  });
});

describe('an optional header', () => {
  const optional = (text: string): ReturnType<typeof readFrom> => readFrom([latin(text)], { isOptional: true });

  it.each(['', 'P', 'PROXY', 'PROXYA', 'GET /', '\r\n\r\n', '\r\n\r\n\0\r\nQUIX', 'xPROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n'])(
    'is absent before %j, which stays unread',
    (text) => {
      for (const { name, chunks } of rechunk(latin(text), { empty: true }))
        expect(readFrom(chunks, { isOptional: true }), name).toEqual({
          output: [],
          unread: Buffer.from(text, 'latin1').toString('hex'),
          result: undefined,
        });
    },
  );

  it('is read if it is there, and refused if it is malformed', () => {
    expect(optional(V4).result).toMatchObject({ client });
    expect(optional('PROXY x\r\n').error).toMatchObject({ code: 'EPROTOCOL' });
    expect(optional('PROXY TCP4 ').error).toMatchObject({ code: 'EPROTOCOL' });
  });
});
