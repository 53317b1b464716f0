import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { refuse, type Head, type Part } from './reply.ts';

/** The file of a download, written as FILE.part: how much of it is there, and which version it is. */
export class PartFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  /** Identifies the version of the file in `If-Range`. Without it, a retry starts from byte 0. */
  #validator: string | undefined;
  #received = 0;
  #total: number | undefined;

  private constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  /** Creates a new file. Removes an old one, and does not follow a link that another user may have created. */
  static async create(file: string): Promise<PartFile> {
    await rm(`${file}.part`, { force: true });
    return new PartFile(file, await open(`${file}.part`, 'ax'));
  }

  /** Bytes written so far. */
  get received(): number {
    return this.#received;
  }

  /** Bytes of the whole file. Undefined if the server sends chunks. */
  get total(): number | undefined {
    return this.#total;
  }

  /** The headers of a request for the rest of the same version. */
  get rangeHeaders(): readonly string[] {
    if (this.#received === 0 || this.#validator === undefined) return [];
    return [`Range: bytes=${this.#received}-`, `If-Range: ${this.#validator}`];
  }

  /** Writes a part of the reply. Returns whether it was the last one. */
  async append({ head, bytes, last }: Part): Promise<boolean> {
    if (head?.status === 206) this.#checkRange(head);
    else if (head) await this.#restart(head);
    if (bytes) await this.#handle.appendFile(bytes);
    this.#received += bytes?.length ?? 0;
    return last;
  }

  /** Checks the size, and gives the file its name. */
  async finish(): Promise<void> {
    if (this.#total !== undefined && this.#received !== this.#total) refuse(`${this.#total} bytes`, `${this.#received}`);
    await this.close();
    await rename(`${this.#file}.part`, this.#file);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #checkRange({ headers }: Head): void {
    const range = headers['content-range'] ?? 'no range';
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
    if (this.#validator === undefined || Number(start) !== this.#received) refuse(`the file from byte ${this.#received} on`, range);
    if (this.#total !== undefined && Number(total) !== this.#total) refuse(`the same file of ${this.#total} bytes`, range);
  }

  async #restart({ headers }: Head): Promise<void> {
    await this.#handle.truncate(0);
    this.#received = 0;
    this.#validator = [headers.etag, headers['last-modified']].find((value) => value !== undefined && !value.startsWith('W/'));
    this.#total = headers['transfer-encoding'] === undefined ? Number(headers['content-length']) : undefined;
  }
}
