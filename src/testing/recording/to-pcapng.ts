import { CaptureFile } from '../../layers/capture/capture-file.ts';
import { ConnectionCapture, type CapturedEnding } from '../../layers/capture/connection-capture.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { asText } from '../../util/log-format.ts';
import { ownOptions } from '../../util/own-options.ts';
import { utf8 } from '../../util/utf8.ts';
import type { Flow } from '../../wire/signal.ts';
import { parseRecording } from './parse-recording.ts';
import type { Recording } from './recording.ts';

/** The options of {@link toPcapng}. */
export interface ToPcapngOptions {
  /** Of a recording made `around` a plugin, the side to write: below the plugin, or above it. @default 'wire' */
  readonly side?: 'wire' | 'app' | undefined;
  /** Which end has dialled: we (`'client'`), or the peer (`'server'`). @default 'client' */
  readonly role?: 'client' | 'server' | undefined;
  /** When the connection was subscribed, in milliseconds since 1970. A recording has no date. @default 0 */
  readonly start?: number | undefined;
  /**
   * Lines of an NSS key log file, for the records of TLS in the recording. ANYONE WITH THE FILE CAN THEN READ WHAT TLS PROTECTED.
   * @default none
   */
  readonly keylog?: string | undefined;
}

/**
 * Writes a recording as a capture file, for Wireshark, tshark and tcpdump: the packets that `pcapng` would have written.
 *
 * ```text
 *   0 wire: connected [{"wire":"tcp"}]     ──▶  192.0.2.1:49153 → 192.0.2.2:49151  SYN, then SYN-ACK and ACK
 *   1 to wire: data 68 69 |hi|             ──▶  → PSH, ACK  2 bytes
 *   2 wire: sent 2                         ──▶  ← ACK
 *   5 wire: error ECONNRESET -104 …        ──▶  ← RST  with the comment "ECONNRESET: …"
 * ```
 *
 * A recording has no addresses, except those that were resolved. The others are placeholders.
 *
 * **The file contains everything that was recorded, such as passwords, cookies and keys.**
 *
 * ```ts
 * import { readFileSync, writeFileSync } from 'node:fs';
 * import { toPcapng } from 'rxjs-io-stream/testing';
 *
 * writeFileSync('failure.pcapng', toPcapng(readFileSync('failure.txt', 'utf8')));
 * ```
 *
 * @param recording a recording made by `record`, or its text.
 * @param options the side, the role, the date and the secrets.
 * @returns the bytes of the file.
 * @throws TypeError if the text is not a recording, and for an invalid option.
 * @see {@link record}, {@link toMarbles}, docs/guides/wireshark.md
 */
export function toPcapng(recording: Recording | string, options: ToPcapngOptions = {}): Uint8Array {
  const { side, role, start, keylog } = checked(options);
  const { id = 1, entries } = typeof recording === 'string' ? parseRecording(recording) : recording;
  const blocks: Uint8Array[] = [];
  const file = new CaptureFile({ sink: (block) => blocks.push(block), name: 'rxjs-io-stream' });
  file.start();
  if (keylog !== '') file.secrets(utf8(keylog));
  const capture = new ConnectionCapture(file, { id, isDialled: role === 'client', maxBytes: Infinity });
  const [outbound, inbound] = side === 'wire' ? ['to wire', 'wire'] : ['app', 'to app'];
  for (const { at, line, signal } of entries) {
    if (line === inbound) capture.inbound(signal, start + at);
    // `record` writes only signals of the flow to these lines.
    else if (line === outbound) capture.outbound(signal as Flow | CapturedEnding, start + at);
  }
  return concatBytes(blocks);
}

/** Checks the options, and adds the defaults. Plain JavaScript may pass any value. */
function checked(options: ToPcapngOptions): { readonly [Name in keyof ToPcapngOptions]-?: NonNullable<ToPcapngOptions[Name]> } {
  const own = ownOptions(options, 'toPcapng', ['side', 'role', 'start', 'keylog']);
  const { side = 'wire', role = 'client', start = 0, keylog = '' } = own;
  expectOneOf('side', side, ['wire', 'app']);
  expectOneOf('role', role, ['client', 'server']);
  if (!(typeof start === 'number' && start >= 0 && start < Infinity))
    throw new TypeError(`expected \`start\` of toPcapng to be milliseconds since 1970, 0 or more, got ${asText(start)}`);
  if (typeof keylog !== 'string') throw new TypeError(`expected \`keylog\` of toPcapng to be text, got ${typeof keylog}`);
  return { side, role, start, keylog };
}

function expectOneOf(name: string, value: string, accepted: readonly [string, string]): void {
  if (accepted.includes(value)) return;
  throw new TypeError(`expected \`${name}\` of toPcapng to be '${accepted.join("' or '")}', got ${asText(value)}`);
}
