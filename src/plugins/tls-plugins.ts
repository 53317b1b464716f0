import type { Plugin } from '../wire/signal.ts';

const TLS_PLUGINS = new WeakSet<Plugin>();

/** Marks a plugin as TLS, and returns it. */
export function markTls<P extends Plugin>(plugin: P): P {
  TLS_PLUGINS.add(plugin);
  return plugin;
}

/** Whether a plugin is one of `tlsClient` or `tlsServer`; known before the connection is there. */
export function isTls(plugin: Plugin): boolean {
  return TLS_PLUGINS.has(plugin);
}
