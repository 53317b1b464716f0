import { describeValue, describeWithType } from '../util/describe.ts';
import type { Plugin, Wire } from '../wire/signal.ts';
import { pluginEntries, stack, type Plugins } from '../wire/stack.ts';
import { usage } from './usage.ts';

/**
 * Copies plugins into a record, and checks them on `wire`.
 *
 * @throws TypeError that names the wrong plugin.
 */
export function checkPlugins(plugins: Plugins, wire: Wire): Readonly<Record<string, Plugin>> {
  const copy: [string, Plugin][] = [];
  for (const entry of pluginEntries(plugins) as readonly unknown[]) {
    const [name, plugin] = Array.isArray(entry) ? (entry as unknown[]) : [entry];
    if (typeof name !== 'string' || typeof plugin !== 'function')
      throw usage('`plugin` to hold plugins by name: functions of a wire', `${describeWithType(plugin)} for ${describeValue(name)}`);
    // JavaScript puts integer keys first, independent of their order in the record.
    if (/^(0|[1-9]\d*)$/.test(name))
      throw usage('names in `plugin` that do not look like integers: JavaScript reorders those', `\`${name}\``);
    if (copy.some(([other]) => other === name)) throw usage('each name in `plugin` once', `\`${name}\` twice`);
    copy.push([name, plugin as Plugin]);
  }
  stack(copy, wire);
  return Object.freeze(Object.fromEntries(copy));
}
