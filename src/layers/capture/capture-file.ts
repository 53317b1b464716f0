import { captureHeader, encodePacket, encodeTlsSecrets, type CapturedPacket } from '../../protocol/pcapng.ts';
import { reportIgnored } from '../../util/report-ignored.ts';
import type { CapturedEnds } from './captured-ends.ts';

/** Where the blocks go. */
export interface CaptureFileOptions {
  /** Called with whole blocks: first the header of the file. */
  readonly sink: (block: Uint8Array) => void;
  /** The name of the interface in the file. */
  readonly name: string;
}

/** Writes the blocks of many connections to one file. Buffers nothing. */
export class CaptureFile {
  readonly #options: CaptureFileOptions;
  #connections = 0;
  /** The addresses and ports of the open connections. */
  readonly #taken = new Set<string>();
  #hasHeader = false;
  #isOpen = true;

  constructor(options: CaptureFileOptions) {
    this.#options = options;
  }

  /** Returns the number of a new connection, from 1 on. */
  nextNumber(): number {
    return (this.#connections += 1);
  }

  /** Reserves addresses and ports for a connection. Returns false if an open connection has them. */
  take({ key }: CapturedEnds): boolean {
    if (this.#taken.has(key)) return false;
    this.#taken.add(key);
    return true;
  }

  release({ key }: CapturedEnds): void {
    this.#taken.delete(key);
  }

  packet(packet: CapturedPacket): void {
    this.#write(encodePacket(packet));
  }

  /** @param lines of an NSS key log file. */
  secrets(lines: Uint8Array): void {
    this.#write(encodeTlsSecrets(lines));
  }

  /** Runs work that writes blocks. If it throws, the file may be cut in a block: nothing more is written. */
  attempt(work: () => void): void {
    if (!this.#isOpen) return;
    try {
      work();
    } catch (error) {
      this.#isOpen = false;
      reportIgnored(error);
    }
  }

  /** Writes the header of the file, which otherwise precedes the first block. */
  start(): void {
    if (this.#hasHeader) return;
    this.#hasHeader = true;
    this.#options.sink(captureHeader(this.#options.name));
  }

  #write(block: Uint8Array): void {
    this.start();
    this.#options.sink(block);
  }
}
