import { setImmediate as turn } from 'node:timers/promises';
import { map } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import type { Plugin, Up } from '../../../src/wire/signal.ts';
import { spec } from '../../support/spec.ts';
import { InboundGate } from '../../support/inbound-gate.ts';
import { otherOf, ROLES, TlsPair, VERSIONS } from '../../support/tls-pair.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe.each(VERSIONS)('plaintext written to TLS, %s', (version) => {
  spec.each(ROLES)('is reported as sent by the %s when its ciphertext is sent, without handshake and close_notify', async (h, us) => {
    // Holds back `sent` of the wire below. The spec emits it.
    let heldBack = 0;
    let isHolding = false;
    const gate = new InboundGate();
    const slow: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        wire(dial),
        map((signal): Up => {
          if (!isHolding || signal.kind !== 'sent') return signal;
          heldBack += signal.bytes;
          return { kind: 'sent', bytes: 0 };
        }),
      );
    const below: Plugin = (wire) => gate.plugin(slow(wire));
    const ends = await TlsPair.connected(h, { version, below: { [us]: below } });
    const { [us]: ours } = ends;
    await gate.settled();
    expect(ours.sent, 'the handshake does not count').toBe(0);
    isHolding = true;
    const before = ends.taps[us].written.length;
    ours.write('x'.repeat(100_000));
    await gate.settled();
    const written = ends.taps[us].written.length - before;
    expect(heldBack, 'the wire below has sent it all').toBe(written);
    expect(ours.sent).toBe(0);
    gate.emit({ kind: 'sent', bytes: written - 1 });
    expect(ours.sent, 'one byte of ciphertext is missing').toBe(0);
    gate.emit({ kind: 'sent', bytes: 1 });
    expect(ours.sent).toBe(100_000);
    ours.end();
    isHolding = false;
    await gate.settled();
    expect(ours.sent, 'close_notify does not count').toBe(100_000);
  });

  spec.each(ROLES)('leaves less than 512 KiB in flight when the %s writes 10 MB at once', async (h, us) => {
    const ends = await TlsPair.connected(h, { version });
    const [ours, theirs] = [ends[us], ends[otherOf(us)]];
    const bytes = Buffer.alloc(10_000_000, '0123456789');
    ours.write(bytes);
    expect(ours.isPaused).toBe(true);
    await h.until(() => ours.sent === bytes.length, 'all of it is sent');
    await h.until(() => theirs.received === bytes.length, 'all of it is received');
    h.sameBytes(theirs.bytes, bytes);
    const { maxInFlight } = ends.taps[us];
    assert(maxInFlight < 512 * KiB, `${maxInFlight} bytes of ciphertext are in flight in the wire below`);
    expect(ours.isPaused).toBe(false);
  });

  spec.each(ROLES)('arrives when the %s writes 1, 16,384, 16,385 bytes and 64 MiB at once', async (h, us) => {
    const ends = await TlsPair.connected(h, { version });
    const [ours, theirs] = [ends[us], ends[otherOf(us)]];
    const given = [Buffer.alloc(16_384, 'a'), Buffer.alloc(16_385, 'b'), Buffer.alloc(64 * MiB, 'c')];
    for (const bytes of given) ours.write(bytes);
    for (let at = 0; at < 200; at += 1) {
      ours.write(Uint8Array.of(at));
      given.push(Buffer.of(at));
      await turn();
    }
    await ours.up.value(() => ours.sent === ours.written);
    await theirs.up.value(() => theirs.received === ours.written);
    h.sameBytes(theirs.bytes, given);
  });
});
