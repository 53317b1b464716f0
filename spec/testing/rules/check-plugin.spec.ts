import { describe, expect, it } from 'vitest';
import { brokenPlugins } from '../broken-plugins.ts';
import { cipher, framed, greeter, greeterScript } from '../plugins.ts';
import { passthrough } from '../../../src/plugins/passthrough.ts';
import { checkPlugin, type PluginPeer } from '../../../src/testing/rules/check-plugin.ts';
import { scriptedPeer } from '../../../src/testing/rules/scripted-peer.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { spec } from '../../support/spec.ts';

/** Stacks plugins; the first is nearest the application. */
const stacked =
  (...plugins: readonly Plugin[]): Plugin =>
  (wire) =>
    plugins.reduceRight((below, plugin) => plugin(below), wire);

const good: Readonly<Record<string, readonly [Plugin, PluginPeer]>> = {
  passthrough: [passthrough(), []],
  'a cipher': [cipher(), cipher()],
  'a handshake': [greeter(), greeterScript],
  'a framing': [framed(), framed()],
  'a cipher over a handshake': [stacked(cipher(), greeter()), stacked(cipher(), scriptedPeer(greeterScript))],
  'a framing over a cipher over a handshake': [
    stacked(framed(), cipher(), greeter()),
    stacked(framed(), cipher(), scriptedPeer(greeterScript)),
  ],
};

describe('checkPlugin', () => {
  for (const [name, [plugin, peer]] of Object.entries(good)) {
    spec(`reports no problem for ${name}`, async () => {
      const { cases } = (await checkPlugin(plugin, peer)).assert();
      console.log(`checkPlugin: ${name} in ${cases} connections`);
      expect(cases > 100, `${cases}`).toBe(true);
    });
  }

  for (const [wrong, [rule, plugin, peer]] of Object.entries(brokenPlugins)) {
    it(`rule ${rule}: finds a plugin that ${wrong}`, async () => {
      const report = await checkPlugin(plugin, peer, { rules: [rule], timeout: 300 });
      expect(report.results.map((each) => each.ok)).toStrictEqual([false]);
      expect(() => report.assert()).toThrow(new RegExp(`breaks 1 of 1 rules:\n  rule ${rule} [^]*shortest input: `));
      expect(String(report)).not.toMatch(/not checked/);
    });
  }

  it('reports the shortest input that breaks a rule', async () => {
    const [, plugin, peer] = brokenPlugins['truncates chunks'] ?? expect.unreachable();
    const { results } = await checkPlugin(plugin, peer, { rules: [2] });
    expect(results[0]?.input ?? '').toMatch(/the peer sends <61 68 6f 76 7d>$/);
    expect(results[0]?.problem ?? '').toMatch(/the peer sent <61 68 6f 76 7d>, and the application received <61 68 6f>/);
  });

  it('reports a plugin that does not follow the script of the peer', async () => {
    const report = await checkPlugin(greeter(), [{ expect: 'HEY' }], { rules: [2], timeout: 300 });
    expect(String(report)).toMatch(/'connected' was not emitted .*step 0 of the script expected <48 45 59>/);
  });

  it('omits rule 12 in real time', async () => {
    const report = await checkPlugin(cipher(), cipher(), { time: 'real', random: 1 });
    expect(report.assert().results.map(({ rule }) => rule)).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('rethrows what the plugin throws when it is dialled', async () => {
    await expect(checkPlugin(() => () => expect.unreachable('no target'), [])).rejects.toThrow(/no target/);
  });
});
