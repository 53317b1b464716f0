import type { OperatorFunction } from 'rxjs';
import { bareHost } from '../util/host.ts';
import { describeWithType } from '../util/describe.ts';
import { isDirect } from './direct.ts';
import { markAs } from './node-stream-wires.ts';
import { probed } from './probed.ts';
import type { Dial, Flow, Plugin, Target, Up, Wire } from './signal.ts';

/** Plugins by name. The first is nearest the application. */
export type Plugins = Readonly<Record<string, Plugin>> | readonly (readonly [name: string, plugin: Plugin])[];

/** Lists the plugins as pairs, in order. */
export function pluginEntries(plugins: Plugins): readonly (readonly [string, Plugin])[] {
  return Array.isArray(plugins)
    ? (plugins as readonly (readonly [string, Plugin])[])
    : Object.entries(plugins as Readonly<Record<string, Plugin>>);
}

/**
 * Combines plugins and the wire below them into one wire: `stack({ ssl, proxy }, tcp())` is `ssl(proxy(tcp()))`.
 *
 * ```text
 *   application ⇄ ssl ⇄ proxy ⇄ tcp ⇄ network
 * ```
 *
 * Each layer gets its own name in `dial.layer`, which its errors and details carry. An IPv6 address in the target loses its
 * brackets. The stack itself adds no step to the path of the bytes.
 *
 * @param plugins by name, or as pairs. The first is nearest the application.
 * @param wire the wire below the last plugin.
 * @returns the combined wire.
 * @throws TypeError for a value that is no plugin, such as a plugin factory that was not called. Thrown at the dial if it cannot
 *   be detected earlier.
 *
 * ```ts
 * import { passthrough, stack, tcp } from 'rxjs-io-stream';
 *
 * const wire = stack({ noop: passthrough() }, tcp());
 * ```
 */
export function stack(plugins: Plugins, wire: Wire): Wire {
  const entries = pluginEntries(plugins);
  const bottom: Wire = (dial) => probed(wire(named(dial, undefined)), dial, entries, entries.length);
  return entries.reduceRight<Wire>(
    (below, [name, plugin], index) => {
      const layer = layerOf(name, plugin, below);
      return (dial) => probed(operatorOf(name, plugin, layer, named(dial, name)), dial, entries, index);
    },
    markAs(wire, bottom),
  );
}

/** Puts one plugin on the wire below it. A plugin factory expects options instead of a wire, and throws a TypeError here. */
function layerOf(name: string, plugin: Plugin, below: Wire): Wire {
  const layer: unknown = attempt(name, plugin, /^/, () => plugin(below));
  if (typeof layer !== 'function') throw notAPlugin(name, plugin, `it returned ${describeWithType(layer)} for a wire`);
  return layer as Wire;
}

/** Calls the layer for a dial. An uncalled factory without options is detected here: its "wire" is a plugin, and returns no operator. */
function operatorOf(name: string, plugin: Plugin, layer: Wire, dial: Dial): OperatorFunction<Flow, Up> {
  const isNoFunction = / is not a function$/;
  const operator: unknown = attempt(name, plugin, isNoFunction, () => layer(dial));
  if (isDirect(operator)) return operator;
  if (typeof operator !== 'function') throw notAPlugin(name, plugin, NO_WIRE);
  return (flow$) => {
    const up$ = attempt(name, plugin, isNoFunction, () => (operator as OperatorFunction<Flow, Up>)(flow$));
    if (typeof up$ !== 'object' || !('subscribe' in up$)) throw notAPlugin(name, plugin, NO_WIRE);
    return up$;
  };
}

const NO_WIRE = 'it returned another function than a wire';

/** Runs one step of a plugin. @param about matches the messages of TypeErrors which show that the function is no plugin. */
function attempt<T>(name: string, plugin: Plugin, about: RegExp, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof TypeError && about.test(error.message) ? notAPlugin(name, plugin, error.message, error) : error;
  }
}

function notAPlugin(name: string, plugin: Plugin, got: string, cause?: unknown): TypeError {
  const call = plugin.name === '' ? 'call it' : `call it: { ${name}: ${plugin.name}(…) }`;
  const message = `expected plugin \`${name}\` to be a function of a wire that returns a wire: ${got}; if it makes a plugin, ${call}`;
  return new TypeError(message, cause === undefined ? undefined : { cause });
}

function named(dial: Dial, layer: string | undefined): Dial {
  const to = bareTarget(dial.to);
  if (dial.layer === layer && dial.to === to) return dial;
  const { timeouts, deadline, scheduler, guard, id, probe, onTlsStart, allowHalfOpen } = dial;
  return { to, timeouts, deadline, scheduler, guard, layer, id, probe, onTlsStart, allowHalfOpen }; // No spread: each would create a new hidden class.
}

function bareTarget(to: Target | undefined): Target | undefined {
  if (!to || 'path' in to) return to;
  const host = bareHost(to.host);
  return host === to.host ? to : { ...to, host };
}
