import { IOStream } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { ScriptedWire } from '../support/scripted-wire.ts';
import { spec } from '../support/spec.ts';
import { closedReport, resetAtEnd } from './tools.ts';

function detach({ buffer }: Uint8Array): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

describe('a buffer that is detached before its bytes are written', () => {
  spec.each([
    ['frees the wire without a reset if nothing was written before', '', 'unsubscribed'],
    ['resets the wire if bytes were written before', 'x', 'error'],
  ])('%s', async (h, _, before, flow) => {
    const wire = new ScriptedWire();
    const [io] = resetAtEnd(h, new IOStream({ wire: wire.wire }));
    h.observed(io.errors$);
    wire.connect();
    if (before) io.write(before);
    await h.until(() => io.outBytes === before.length && io.state === 'open');
    const bytes = new Uint8Array(8);
    io.write(bytes);
    detach(bytes);
    h.error((await closedReport(io)).error, { code: 'EFAULT', phase: 'write' });
    expect(wire.flow).toBe(flow);
  });
});
