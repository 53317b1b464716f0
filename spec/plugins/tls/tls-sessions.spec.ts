import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { TlsSessions } from '../../../src/plugins/tls/tls-sessions.ts';

const kept = (length: number): Buffer => Buffer.alloc(length);

describe('TlsSessions', () => {
  it('keeps the newest session of a target, by context', () => {
    const sessions = new TlsSessions();
    const [context, another] = [createSecureContext(), createSecureContext()];
    const [first, second] = [kept(1), kept(2)];
    sessions.of('a').set(context, first);
    sessions.of('a').set(context, second);
    expect(sessions.of('a').get(context)).toBe(second);
    expect(sessions.of('b').get(context)).toBe(undefined);
    expect(sessions.of('a').get(another)).toBe(undefined);
    sessions.of('a').set(context, undefined);
    expect(sessions.of('a').get(context)).toBe(undefined);
  });

  it('keeps those of 100 targets, the newest', () => {
    const sessions = new TlsSessions();
    const context = createSecureContext();
    for (let at = 0; at < 100; at += 1) sessions.of(`${at}`).set(context, kept(1));
    sessions.of('0').set(context, kept(2));
    sessions.of('100').set(context, kept(1));
    const left = Array.from({ length: 101 }, (_, at) => `${at}`).filter((target) => sessions.of(target).get(context));
    expect(left.length).toBe(100);
    expect(!left.includes('1'), 'the one that was renewed longest ago is forgotten').toBe(true);
  });

  it('does not keep a session over 16 KiB', () => {
    const sessions = new TlsSessions();
    const context = createSecureContext();
    sessions.of('a').set(context, kept(16 * 1024));
    expect(sessions.of('a').get(context)).toBeTruthy();
    sessions.of('a').set(context, kept(16 * 1024 + 1));
    expect(sessions.of('a').get(context)).toBe(undefined);
  });
});
