import { setImmediate as turn } from 'node:timers/promises';
import { assert, describe, expect } from 'vitest';
import type { Up } from '../../../src/wire/signal.ts';
import { spec } from '../../support/spec.ts';
import { InboundGate } from '../../support/inbound-gate.ts';
import { otherOf, ROLES, type Role, TlsPair, VERSIONS } from '../../support/tls-pair.ts';
import { endsWithAlert } from '../../support/tls-records.ts';

const LONG = Buffer.alloc(2 * 1024 * 1024, 'long');

describe.each(VERSIONS)('closing a TLS connection, %s', (version) => {
  const states: Record<string, (ends: TlsPair, us: Role) => unknown> = {
    idle: () => turn(),
    'just after a write': (ends, us) => ends[us].write('the last words'),
    'in the middle of a long write': async (ends, us) => {
      ends[us].write(LONG);
      await turn();
    },
    'after its own end': (ends, us) => ends[us].end(),
    'after the end of the peer': async (ends, us) => {
      ends[otherOf(us)].end();
      await ends[us].waitFor('end');
    },
    'while the wire below is paused': async (ends, us) => {
      ends[otherOf(us)].pause();
      ends[us].write(LONG);
      await ends[us].waitFor('pause');
    },
  };
  const STATES = ROLES.flatMap((us) => Object.keys(states).map((state) => [us, state] as const));

  spec.each(STATES)('writes queued bytes and close_notify when the %s closes: %s', async (h, us, state) => {
    const ends = await TlsPair.connected(h, { version });
    const [ours, theirs, tap] = [ends[us], ends[otherOf(us)], ends.taps[us]];
    await states[state]?.(ends, us);
    ours.close();
    await h.until(() => tap.flow === 'complete', 'the wire below is completed');
    assert(endsWithAlert(tap.written, version), 'the last record is an alert');
    theirs.resume();
    await theirs.waitFor('end');
    assert(theirs.up.values.every((signal) => !('truncated' in signal)));
    expect(theirs.received).toBe(ours.written);
    theirs.close();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    expect([ours.up.state, theirs.up.state, ours.sent]).toStrictEqual(['complete', 'complete', ours.written]);
  });

  spec.each(ROLES)('sends close_notify when the %s closes inside connected', async (h, us) => {
    const ends: TlsPair = new TlsPair(h, { version, seen: { [us]: ({ kind }: Up) => kind === 'connected' && ends[us].close() } });
    await ends[otherOf(us)].waitFor('end');
    expect(ends[otherOf(us)].up.values.at(-1)).toStrictEqual({ kind: 'end' });
    assert(endsWithAlert(ends.taps[us].written, version));
    ends[otherOf(us)].close();
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    expect(ends[us].up.state).toBe('complete');
  });

  spec.each(ROLES)('loses no queued bytes of a closing %s when the peer sends a bad record', async (h, us) => {
    const below = new InboundGate();
    const ends = await TlsPair.connected(h, { version, below: { [us]: below.plugin } });
    const [ours, theirs, tap] = [ends[us], ends[otherOf(us)], ends.taps[us]];
    theirs.pause();
    ours.write(LONG);
    await ours.waitFor('pause');
    ours.close();
    await h.until(() => tap.flow === 'complete', 'the wire below is completed');
    below.emit({ kind: 'data', bytes: Buffer.from('this is no record at all') });
    expect(ours.up.state).toBe('open');
    theirs.resume();
    await theirs.waitFor('end');
    theirs.close();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    expect(theirs.received).toBe(LONG.length);
    h.error(ours.up.error, { code: 'ETLS', phase: 'close', layer: us });
  });

  spec.each(ROLES)('errors a closing %s that can no longer encrypt, after the wire below has completed', async (h, us) => {
    const below = new InboundGate();
    const ends = await TlsPair.connected(h, { version, below: { [us]: below.plugin } });
    const [ours, theirs, tap] = [ends[us], ends[otherOf(us)], ends.taps[us]];
    theirs.pause();
    const before = tap.written.length;
    ours.write('the first words');
    await h.until(() => tap.written.length > before);
    ours.write(LONG);
    ours.close();
    below.emit({ kind: 'data', bytes: Buffer.from('this is no record at all') });
    expect([tap.flow, ours.up.state]).toStrictEqual(['complete', 'open']);
    theirs.resume();
    await theirs.waitFor('end');
    theirs.close();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    h.error(ours.up.error, { code: 'ETLS', phase: 'close', layer: us });
    expect(theirs.text).toMatch(/^the first words/);
    assert(theirs.received < ours.written);
  });
});
