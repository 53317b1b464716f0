import { handshake } from '../../src/layers/handshake.ts';
import { mapBytes } from '../../src/layers/map-bytes.ts';
import { transform, type Transformer } from '../../src/layers/transform.ts';
import type { Plugin } from '../../src/wire/signal.ts';
import type { PeerStep } from '../../src/testing/rules/scripted-peer.ts';

/** A cipher whose key stream depends on all bytes before. Each direction has its own key stream. */
export function cipher(): Plugin {
  const stream = (): ((bytes: Uint8Array) => Uint8Array) => {
    let at = 0;
    return (bytes) => bytes.map((byte) => byte ^ (at = (at * 5 + 3) & 0xff));
  };
  return (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(stream), wire(dial), mapBytes(stream));
}

/** A handshake of two requests, with replies of fixed length, up to a delimiter, and with a length prefix. */
export function greeter(): Plugin {
  return handshake({
    *talk(link) {
      link.send(Uint8Array.of(5, 1, 0));
      yield* link.read(2);
      link.send('GO\n');
      const line = yield* link.readUntil('\n', 64);
      const [length = 0] = yield* link.read(1);
      const name = yield* link.read(length);
      return { line: new TextDecoder().decode(line), name: new TextDecoder().decode(name) };
    },
  });
}

/** The script of the other end of {@link greeter}. */
export const greeterScript: readonly PeerStep[] = [
  { expect: Uint8Array.of(5, 1, 0) },
  { send: Uint8Array.of(5, 0) },
  { expect: 3 },
  { send: 'WELCOME\n' },
  { send: Uint8Array.of(4, 110, 97, 109, 101) },
];

/** Frames: a length byte, then the body. Bytes are buffered until a frame is complete. */
export function framed(): Plugin {
  const down = (): Transformer => ({
    *push(bytes) {
      for (let at = 0; at < bytes.length; at += 255) {
        const body = bytes.subarray(at, at + 255);
        yield Uint8Array.of(body.length);
        yield body;
      }
    },
  });
  const up = (): Transformer => {
    let length = 0;
    let buffered: Uint8Array = new Uint8Array(0);
    return {
      *push(bytes) {
        let rest = bytes;
        while (rest.length > 0) {
          if (length === 0) {
            length = rest[0] ?? 0;
            rest = rest.subarray(1);
          }
          const part = rest.subarray(0, length - buffered.length);
          rest = rest.subarray(part.length);
          buffered = Uint8Array.of(...buffered, ...part);
          if (buffered.length < length) return;
          yield buffered;
          buffered = new Uint8Array(0);
          length = 0;
        }
      },
      finish() {
        if (length > 0) throw new Error('the last frame is truncated');
        return [];
      },
    };
  };
  return transform({ down, up });
}
