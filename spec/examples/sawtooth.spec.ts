import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { describe, expect } from 'vitest';
import { sawtooth } from '../../examples/sawtooth.ts';
import type { InspectionState } from '../../src/inspect/inspection.ts';
import { spec } from '../support/spec.ts';

const MiB = 1024 * 1024;

describe('sawtooth', () => {
  spec('shows the sawtooth of pending bytes, and the pauses of both ends', async (h) => {
    const lines: string[] = [];
    const { url } = await h.observed(sawtooth((line) => lines.push(line), 32 * MiB)).value();
    const state = async (): Promise<InspectionState> => {
      const [reply] = (await once(get(`${url}state`, { agent: false }), 'response')) as [IncomingMessage];
      return JSON.parse(await text(reply)) as InspectionState;
    };
    let teeth = 0;
    const end = performance.now() + 40_000; // On a busy machine, TLS makes fewer teeth a second.
    while (teeth < 2 && performance.now() < end) {
      await wait(100);
      const { connections } = await state();
      const pending = connections.find(({ role }) => role === 'client')?.samples.map((sample) => sample[3]) ?? [];
      // A tooth: from above 14 MiB to below 11, and up again.
      const turns = pending.flatMap((bytes) => (bytes > 14 * MiB ? ['high'] : bytes < 11 * MiB ? ['low'] : []));
      teeth = turns.filter((turn, at) => turn === 'high' && turns[at - 1] === 'low').length;
    }
    expect(teeth).toBeGreaterThanOrEqual(2);
    const { connections } = await state();
    const [client, server] = ['client', 'server'].map((role) => connections.find((each) => each.role === role));
    expect(Math.max(...(client?.samples.map((sample) => sample[6]) ?? []))).toBeGreaterThan(0);
    expect(Math.max(...(server?.samples.map((sample) => sample[5]) ?? []))).toBeGreaterThan(0);
    // Each place has printed its first pause.
    expect(lines.map((line) => line.replace(/^ *[\d.]+ s {2}/, '').replace(/:.*/, '')).sort()).toEqual([
      '↑ pause below TLS of the sender',
      '↑ pause of the sender',
      '↓ pause below TLS of the reader',
      '↓ pause of the reader',
    ]);
  });
});
