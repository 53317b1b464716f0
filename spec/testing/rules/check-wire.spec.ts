import { describe, expect, it } from 'vitest';
import { brokenWires } from '../broken-wires.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { checkWire } from '../../../src/testing/rules/check-wire.ts';
import { wirePeer } from '../../../src/testing/rules/wire-peer.ts';
import type { WireUnderTest } from '../../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Wire } from '../../../src/wire/signal.ts';

const pairUnderTest =
  (breakWire = (wire: Wire): Wire => wire) =>
  (): WireUnderTest => {
    const [wire, other] = memoryPair();
    return { wire: breakWire(wire), dial: testDial(), peer: () => wirePeer(other, testDial()) };
  };

describe('checkWire', () => {
  for (const [wrong, [rule, breakWire]] of Object.entries(brokenWires)) {
    it(`rule ${rule}: finds a wire that ${wrong}`, async () => {
      const options = { singleUse: true, rules: [rule], timeout: 300, volume: 2 ** 22 };
      const report = await checkWire(pairUnderTest(breakWire), options);
      expect(report.results.map((each) => each.ok)).toStrictEqual([false]);
      expect(() => report.assert()).toThrow(new RegExp(`breaks 1 of 1 rules:\n  rule ${rule} [^]*shortest input: `));
    });
  }

  it('reports one result per checked rule', async () => {
    const report = await checkWire(pairUnderTest(), { singleUse: true, rules: [2, 4] });
    expect(report.results).toStrictEqual([
      {
        rule: 2,
        name: 'rule 2 order',
        text: "Up emits 'connected' once and before the flow, 'end' at most once, and no 'data' after 'end'.",
        ok: true,
      },
      { rule: 4, name: 'rule 4 half-close', text: "'end' closes its own direction and never the other one.", ok: true },
    ]);
    expect(report.assert()).toBe(report);
    expect(String(report)).toBe('  rule 2 order: ok\n  rule 4 half-close: ok');
  });

  it('throws a TypeError for rules that do not concern wires', async () => {
    for (const rule of [9, 99])
      await expect(checkWire(pairUnderTest(), { rules: [rule] })).rejects.toThrow(
        expect.objectContaining({
          name: 'TypeError',
          message: expect.stringMatching(new RegExp(`expected each of \`rules\` of checkWire to be one of .*, got ${rule}$`)),
        }),
      );
  });

  it('rejects if the peer cannot be made', async () => {
    await expect(checkWire(() => ({ ...pairUnderTest()(), peer: () => Promise.reject(new Error('no peer')) }))).rejects.toThrow(/no peer/);
  });
});
