import { handshake, passthrough, throttleBytes, trace, type Plugin } from 'rxjs-io-stream';
import type { Row } from '../row.ts';
import { echoing, echoRow } from './echo.ts';
import { idleWithPlugins } from './idle-memory.ts';

const COUNT = 10;

/** Plugins that do not change the bytes. */
const kinds: Readonly<Record<string, { readonly name: string; readonly make: () => Plugin }>> = {
  passthrough: { name: 'passthroughs', make: passthrough },
  // Without a conversation: it is finished at once.
  handshake: { name: 'finished handshakes', make: () => handshake({ *talk() {} }) },
  throttle: { name: 'throttleBytes with Infinity', make: () => throttleBytes({ rate: Infinity }) },
  // It has no switch: this is the cheapest one.
  trace: { name: 'traces that discard their entries', make: () => trace({ sink: () => {}, bytes: 0 }) },
};

function times(count: number, make: () => Plugin): Readonly<Record<string, Plugin>> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`layer${at}`, make()]));
}

function onBulk(name: string, title: string, count: number, make: () => Plugin): Row {
  const row = echoRow(name, title, [echoing(`with ${count}`, times(count, make)), echoing('without')], 1);
  return { ...row, figures: row.figures.map((figure) => ({ ...figure, asked: 0.99, steps: count })) };
}

const entries = Object.entries(kinds);

export const pluginRows: readonly Row[] = [
  onBulk('plugin-passthrough-1', 'one passthrough on bulk echo', 1, passthrough),
  ...entries.map(([kind, { name, make }]) => onBulk(`plugin-${kind}-${COUNT}`, `each of ${COUNT} ${name} on bulk echo`, COUNT, make)),
  ...entries.map(([kind, { name, make }]) =>
    idleWithPlugins(`plugin-idle-${kind}`, `idle client, each of ${COUNT} ${name}`, COUNT, times(COUNT, make)),
  ),
];
