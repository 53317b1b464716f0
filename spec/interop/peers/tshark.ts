import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Harness } from '../../support/harness.ts';

const run = promisify(execFile);

/** Fields that show a fault of the file, or one of the connection that did not occur. */
const FAULTS = [
  '_ws.malformed',
  ...['lost_segment', 'ack_lost_segment', 'retransmission', 'out_of_order', 'duplicate_ack', 'reused_ports', 'window_full'].map(
    (name) => `tcp.analysis.${name}`,
  ),
  ...['keep_alive', 'zero_window_probe'].map((name) => `tcp.analysis.${name}`),
];
const CHECKSUMS = ['tcp.checksum.status', 'ip.checksum.status'];
/** The fields that specs compare. */
const FIELDS = [
  ...['tcp.stream', 'tcp.completeness', 'tcp.len', 'tcp.srcport', 'tcp.flags.reset', 'tcp.analysis.zero_window'],
  ...['ip.src', 'ipv6.src', 'frame.comment', 'frame.cap_len', 'tls.app_data', 'http.request.uri', 'http.response.code'],
] as const;
const ALL = [...FIELDS, ...FAULTS, ...CHECKSUMS];
/** Values of `…checksum.status`: 1 is good, 2 is not checked. */
const BAD_CHECKSUM = '0';

type Row = Readonly<Record<string, string>>;

/** What tshark reads in a capture file. */
export class Dissection {
  /** The packets, with their fields. */
  readonly rows: readonly Row[];

  constructor(rows: readonly Row[]) {
    this.rows = rows;
  }

  /** Returns the values of a field in all packets that have it. */
  values(field: (typeof FIELDS)[number]): string[] {
    return this.rows.map((row) => row[field] ?? '').filter((value) => value !== '');
  }

  /** Describes each packet that tshark finds fault with. */
  get faults(): string[] {
    const wrong = (row: Row): string[] => [
      ...FAULTS.filter((name) => row[name] !== ''),
      ...CHECKSUMS.filter((name) => row[name] === BAD_CHECKSUM).map((name) => `bad ${name}`),
    ];
    return this.rows.flatMap((row, index) => wrong(row).map((name) => `packet ${index + 1}: ${name}`));
  }

  /** Whether tshark has checked the checksums of all packets. */
  get isChecked(): boolean {
    return this.rows.every((row) => row['tcp.checksum.status'] === '1' && row['ip.checksum.status'] !== '2');
  }

  /** Returns how complete each TCP stream is: the sum of 7 for the handshake, 8 for data, 16 for FIN, 32 for RST. */
  get completeness(): number[] {
    return [...new Map(this.rows.map((row) => [row['tcp.stream'], Number(row['tcp.completeness'])])).values()];
  }
}

function rowOf(line: string): Row {
  const values = line.split('\t');
  return Object.fromEntries(ALL.map((name, index) => [name, values[index] ?? '']));
}

/** A capture file that tshark reads. */
export class CaptureUnderTest {
  readonly #path: string;
  readonly #blocks: Uint8Array[] = [];

  /** Keeps the file until the end of the spec. */
  constructor(h: Harness) {
    const folder = mkdtempSync(join(tmpdir(), 'tshark-'));
    h.defer(() => rmSync(folder, { recursive: true }));
    this.#path = join(folder, 'capture.pcapng');
  }

  readonly sink = (block: Uint8Array): void => {
    this.#blocks.push(block);
  };

  /** Runs tshark twice over the packets, as Wireshark does. @param protocol of all ports that are not well known. */
  async dissect(protocol?: 'tls' | 'http'): Promise<Dissection> {
    writeFileSync(this.#path, Buffer.concat(this.#blocks));
    const checks = ['tcp.check_checksum', 'ip.check_checksum'].flatMap((name) => ['-o', `${name}:TRUE`]);
    const ports = protocol ? ['-d', `tcp.port==1024-65535,${protocol}`] : [];
    const fields = ['-T', 'fields', ...ALL.flatMap((name) => ['-e', name])];
    const { stdout } = await run('tshark', ['-2', '-n', '-r', this.#path, ...checks, ...ports, ...fields], { maxBuffer: 2 ** 26 });
    const rows = stdout.split('\n').slice(0, -1);
    return new Dissection(rows.map(rowOf));
  }
}
