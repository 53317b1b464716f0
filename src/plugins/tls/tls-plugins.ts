import type { Plugin } from '../../wire/signal.ts';

const TLS_PLUGINS = new WeakSet<Plugin>();

/** Marks a plugin as TLS, and returns it. */
export function markTls<P extends Plugin>(plugin: P): P {
  TLS_PLUGINS.add(plugin);
  return plugin;
}

/** Returns whether a plugin was created by `tlsClient` or `tlsServer`. Works before the connection exists. */
export function isTls(plugin: Plugin): boolean {
  return TLS_PLUGINS.has(plugin);
}
