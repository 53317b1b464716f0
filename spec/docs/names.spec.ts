import { describe, expect, test } from 'vitest';
import * as library from 'rxjs-io-stream';
import * as nats from 'rxjs-io-stream/nats';
import * as opentelemetry from 'rxjs-io-stream/opentelemetry';
import * as inspect from 'rxjs-io-stream/inspect';
import * as testing from 'rxjs-io-stream/testing';
import { deadLinksOf, PAGES, proseOf } from './pages.ts';

describe('the README and the guides', () => {
  const prose = PAGES.map(proseOf).join('\n');
  const codes = prose.match(/\bE[A-Z]{3,}\b/g) ?? [];
  const words = [...prose.matchAll(/`[^`]+`/g)].flatMap(([span]) => span.match(/(?<![\w.])\w+/g) ?? []);
  const named = new Set([...words, ...codes]);

  test.each([
    ['rxjs-io-stream', library],
    ['rxjs-io-stream/nats', nats],
    ['rxjs-io-stream/opentelemetry', opentelemetry],
    ['rxjs-io-stream/testing', testing],
    ['rxjs-io-stream/inspect', inspect],
  ])('name everything that %s exports', (_entry, exported) => {
    expect(Object.keys(exported).filter((name) => !named.has(name))).toEqual([]);
  });
});

describe.each(PAGES)('%s', (page) => {
  test('links to files that exist', () => {
    expect(deadLinksOf(page)).toEqual([]);
  });

  test('starts with its only title', () => {
    const prose = proseOf(page);
    expect(prose).toMatch(/^# \S/);
    expect(prose.match(/^# /gm)).toHaveLength(1);
  });
});
