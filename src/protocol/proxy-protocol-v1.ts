import { formatIp, parseIp } from './ip-address.ts';
import { mappedIp, nodeIp } from './ip-list.ts';
import type { Talk } from './need.ts';
import { quoted } from './printable.ts';
import { malformed, type HeaderReader } from './proxy-protocol-reader.ts';
import type { ProxyAddress, ProxyHeader } from './proxy-protocol-types.ts';

/** The maximum size of a line, with CRLF. */
const LINE_LIMIT = 107;

const START = 'PROXY ';
export const SIGNATURE_V1: Uint8Array = new TextEncoder().encode(START);

const ADDRESS_BYTES = { TCP4: 4, TCP6: 16 };

/** Reads the line of version 1 after its signature, and parses it (section 2.1). */
export function* readV1(reader: HeaderReader): Talk<ProxyHeader> {
  const [transport = '', ...fields] = (yield* readLine(reader)).split(' ');
  // Whatever follows UNKNOWN has no meaning.
  if (transport === 'UNKNOWN') return { version: 1, command: 'PROXY', transport };
  if (transport !== 'TCP4' && transport !== 'TCP6') throw malformed('transport', 'TCP4, TCP6 or UNKNOWN', quoted(transport));
  if (fields.length !== 4) {
    const expected = 'two addresses and two ports, each after exactly one space';
    throw malformed('line', expected, `${fields.length} fields after ${transport}`);
  }
  const [from = '', to = '', fromPort = '', toPort = ''] = fields;
  const source = addressOf('source address', from, transport);
  const target = addressOf('destination address', to, transport);
  const client = { address: source, port: portOf('source port', fromPort) };
  const destination = { address: target, port: portOf('destination port', toPort) };
  return { version: 1, command: 'PROXY', transport, client, destination };
}

/** Reads up to CRLF, which is not returned. A CR or LF alone ends nothing. */
function* readLine(reader: HeaderReader): Talk<string> {
  let line = '';
  while (START.length + line.length < LINE_LIMIT) {
    const character = String.fromCharCode(...(yield* reader.read(1)));
    const isAfterCr = line.endsWith('\r');
    if (isAfterCr && character === '\n') return line.slice(0, -1);
    if (isAfterCr || character === '\n') throw malformed('line end', 'CR LF', isAfterCr ? 'CR alone' : 'LF alone');
    line += character;
  }
  throw malformed('line', `at most ${LINE_LIMIT} bytes with CR LF`, 'no CR LF up to there');
}

function addressOf(field: string, text: string, transport: 'TCP4' | 'TCP6'): string {
  const bytes = parseIp(text);
  if (bytes?.length === ADDRESS_BYTES[transport]) return nodeIp(bytes);
  throw malformed(field, `an address of ${transport === 'TCP4' ? 'IPv4' : 'IPv6'}`, quoted(text));
}

function portOf(field: string, text: string): number {
  if (/^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535) return Number(text);
  throw malformed(field, 'an integer from 0 to 65535 without leading zeros', quoted(text));
}

/** Formats the line of version 1. Other transports than TCP become UNKNOWN. */
export function encodeV1({ transport, client = {}, destination = {} }: ProxyHeader): Uint8Array {
  const isTcp = transport === 'TCP4' || transport === 'TCP6';
  const addresses = [client, destination].map((each) => textOf(each, transport));
  const line = isTcp ? [transport, ...addresses, client.port, destination.port].join(' ') : 'UNKNOWN';
  return new TextEncoder().encode(`${START}${line}\r\n`);
}

function textOf({ address = '' }: ProxyAddress, transport: string): string {
  const bytes = parseIp(address);
  return bytes ? formatIp(transport === 'TCP6' ? mappedIp(bytes) : bytes) : '';
}
