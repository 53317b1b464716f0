import { asapScheduler, Observable } from 'rxjs';
import { CONNECTED, handshake, IOStream, type DataSignal, type HandshakeOptions, type Wire } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import type { Outcome, Program, Row } from '../row.ts';

const KIB64 = 64 * 1024;

type Talk = (bytes: number) => HandshakeOptions['talk'];

const byCount: Talk = (bytes) =>
  function* (link) {
    yield* link.read(bytes);
  };

const byDelimiter: Talk = (bytes) =>
  function* (link) {
    yield* link.readUntil('\r\n\r\n', bytes);
  };

/** A wire that emits one reply in 1-byte chunks and does nothing else, so that only the reader is measured. */
function dripping(reply: readonly DataSignal[]): Wire {
  return () => (flow$) =>
    new Observable((up) => {
      up.add(flow$.subscribe({ complete: () => up.complete() }));
      up.next({ kind: 'connected', details: [{}] });
      up.add(
        asapScheduler.schedule(() => {
          for (const signal of reply) up.next(signal);
        }),
      );
    });
}

/** Reads replies of `size` bytes, one after another. */
function reading(name: string, talk: Talk, size: number): Program {
  // CR and LF all through: a search that starts again from the beginning is slow.
  const text = Buffer.alloc(size, 'x: y\r\n');
  text.write('\r\n\r\n', size - 4, 'latin1');
  const reply = Array.from(text, (byte): DataSignal => ({ kind: 'data', bytes: Uint8Array.of(byte) }));
  return {
    name,
    run: async ({ units }) => {
      const clock = new Clock();
      for (let read = 0; read < units; read += size) {
        await new Promise<void>((resolve, reject) => {
          const io = new IOStream({
            wire: dripping(reply),
            plugin: { reply: handshake({ talk: talk(size) }) },
            cb: (_: IOStream, mask: number, error?: Error) => {
              if (error) reject(error);
              if ((mask & CONNECTED) === 0) return;
              io.close();
              resolve();
            },
          });
        });
      }
      return clock.stop(units);
    },
  };
}

const cpu = ({ user, system }: Outcome): number => user + system;

function row(name: string, title: string, talk: Talk): Row {
  return {
    name,
    title,
    programs: [reading('256 KiB', talk, 4 * KIB64), reading('64 KiB', talk, KIB64)],
    work: { connections: 1, chunk: 4 * KIB64 },
    start: 4 * KIB64,
    unit: { name: 'MiB', size: 2 ** 20 },
    figures: [
      {
        title: `${title}, CPU per 64 KiB`,
        unit: 'ms',
        value: (outcome) => (cpu(outcome) * 1e3 * KIB64) / outcome.units,
        better: 'less',
        compare: 'absolute',
        asked: 15,
      },
      {
        // 1 is linear, 0.25 is quadratic.
        title: `${title}, 256 KiB to 64 KiB`,
        unit: 'MiB/CPU-s',
        value: (outcome) => outcome.units / 2 ** 20 / cpu(outcome),
        better: 'more',
        compare: 'ratio',
        asked: 0.7,
        judge: 'value',
      },
    ],
    memory: false,
  };
}

export const handshakeByCount: Row = row('handshake-count', 'reply in 1-byte chunks, read(n)', byCount);
export const handshakeByDelimiter: Row = row('handshake-delimiter', 'reply in 1-byte chunks, readUntil()', byDelimiter);
