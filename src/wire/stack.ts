import { bareHost } from './bare-host.ts';
import type { Dial, Plugin, Target, Wire } from './signal.ts';

/** Plugins by name, first = nearest the application. */
export type Plugins = Readonly<Record<string, Plugin>> | readonly (readonly [name: string, plugin: Plugin])[];

/** The plugins as pairs, in order. */
export function pluginEntries(plugins: Plugins): readonly (readonly [string, Plugin])[] {
  return Array.isArray(plugins)
    ? (plugins as readonly (readonly [string, Plugin])[])
    : Object.entries(plugins as Readonly<Record<string, Plugin>>);
}

/**
 * Makes one wire of a list of plugins and the wire they lie on: `stack({ ssl, proxy }, tcp())` is `ssl(proxy(tcp()))`.
 *
 * ```text
 *   application ⇄ ssl ⇄ proxy ⇄ tcp ⇄ network
 * ```
 *
 * Each layer is dialled under its own name (`dial.layer`), so that its errors and details carry it, and for a target whose IPv6
 * address is out of its brackets. Nothing is added to the path of the bytes.
 *
 * @param plugins by name, or as pairs; first = nearest the application.
 * @param wire what the last plugin lies on.
 *
 * ```ts
 * import { passthrough, stack, tcp } from 'rxjs-io-stream';
 *
 * const wire = stack({ noop: passthrough() }, tcp());
 * ```
 */
export function stack(plugins: Plugins, wire: Wire): Wire {
  return pluginEntries(plugins).reduceRight<Wire>(
    (below, [name, plugin]) => {
      const layer = plugin(below);
      return (dial) => layer(named(dial, name));
    },
    (dial) => wire(named(dial, undefined)),
  );
}

function named(dial: Dial, layer: string | undefined): Dial {
  const to = bareTarget(dial.to);
  if (dial.layer === layer && dial.to === to) return dial;
  const { timeouts, deadline, scheduler } = dial;
  return { to, timeouts, deadline, scheduler, layer }; // One shape for all: a spread makes one of its own each time.
}

function bareTarget(to: Target | undefined): Target | undefined {
  if (!to || 'path' in to) return to;
  const host = bareHost(to.host);
  return host === to.host ? to : { ...to, host };
}
