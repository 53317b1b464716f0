import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { IOStreamError } from '../../src/errors.ts';
import { toBindError } from '../../src/stream/bind-error.ts';

describe('toBindError', () => {
  it('keeps the message of the system if the socket file has disappeared meanwhile', () => {
    const path = join(tmpdir(), 'rxjs-io-stream-no-such-file.sock');
    const inUse = Object.assign(new Error(`listen EADDRINUSE: address already in use ${path}`), { code: 'EADDRINUSE', syscall: 'listen' });
    const errors: IOStreamError[] = [];
    toBindError(inUse, { path }, (error) => errors.push(error));
    expect(errors).toMatchObject([{ code: 'EADDRINUSE', phase: 'connect', message: `${inUse.message} [EADDRINUSE]` }]);
  });
});
