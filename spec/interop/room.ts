import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of the peer's own, which goes with it. Others may look into it: many a peer changes its user. */
export class Room {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'peer-'));
  readonly #afterwards: (() => void)[] = [];

  constructor() {
    chmodSync(this.folder, 0o755);
  }

  /** Writes a file and gives its path. */
  file(name: string, text: string, mode = 0o644): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  /** Has this done, too, when the peer is gone. */
  afterwards(work: () => void): void {
    this.#afterwards.push(work);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    for (const work of this.#afterwards) work();
  }
}
