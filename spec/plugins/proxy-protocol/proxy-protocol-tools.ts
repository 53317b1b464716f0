import type { Plugin, Endpoints } from '../../../src/wire/signal.ts';
import { wireDetails } from '../../../src/wire/wire-details.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';

/** Both ends of a socket between a proxy and a server. */
export const SOCKET: Endpoints = { remoteAddress: '10.0.0.2', remotePort: 40022, localAddress: '10.0.0.9', localPort: 8080 };

/** Connects a plugin over a socket with these ends. */
export function connectedOver(plugin: Plugin, socket: Endpoints = SOCKET): PluginDriver {
  const driver = new PluginDriver(plugin, { dial: testDial({ layer: 'proxied' }) });
  driver.wire.emit({ kind: 'connected', details: [wireDetails({ wire: 'scripted' }, socket)] });
  return driver;
}

/** The details that the plugin has reported. */
export function factsOf({ up, error }: PluginDriver): Record<string, unknown> {
  const connected = up.find((signal) => signal.kind === 'connected');
  if (!connected) throw error instanceof Error ? error : new Error('expected the plugin to be connected');
  return connected.details[0] as Record<string, unknown>;
}
