import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The temporary folder of one peer. Readable by all users, because many servers change their user. */
export class PeerFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'peer-'));
  readonly #onRemove: (() => void)[] = [];

  constructor() {
    chmodSync(this.path, 0o755);
  }

  /** Writes a file. Returns its path. */
  file(name: string, text: string, mode = 0o644): string {
    const path = join(this.path, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  /** Calls `work` when the folder has been removed. */
  onRemove(work: () => void): void {
    this.#onRemove.push(work);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    for (const work of this.#onRemove) work();
  }
}
